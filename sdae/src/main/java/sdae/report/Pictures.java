package sdae.report;

import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * Pictures from plain arrays, by headless Java2D. Patches are counted row by row; a small image is enlarged by a whole factor
 * without smoothing to at least {@value #TILE} pixels, so that its pixels can be seen.
 */
public final class Pictures {
    /** The least side of a tile, pixels. */
    public static final int TILE = 112;

    private static final int HIDDEN = 0x808080;
    /** Tints of the folds, far apart in hue and close in lightness. */
    private static final int[] FOLDS = {0x2F7DE1, 0xE8782B, 0x2FA567, 0xA45BD0, 0xD6A70F, 0x16A5B8, 0xDB4573, 0x7A8B2B};

    private Pictures() {}

    /**
     * What student and teacher see: the images, the visible patches alone, and the masked patches tinted by the fold the
     * teacher gets them in (the visible ones faded).
     *
     * @param idsKeep visible patches, [n, V]
     * @param idsMasked masked patches in the order of the folds, [n, M]; the last M mod foldCount are in no fold
     * @param patch patch side, pixels
     */
    public static Sheet maskGrid(ImageBatch images, int[] idsKeep, int[] idsMasked, int foldCount, int patch) {
        checkIds("maskGrid", "idsKeep", images, idsKeep, patch);
        checkIds("maskGrid", "idsMasked", images, idsMasked, patch);
        int masked = idsMasked.length / images.count();
        if (foldCount < 1 || foldCount > Math.max(1, masked)) {
            throw new IllegalArgumentException("maskGrid: foldCount must be 1 to " + masked + ", but is " + foldCount);
        }
        return new Sheet(List.of(
                row("image", images, images::image),
                row("visible to the student", images, i -> visible(images, i, idsKeep, patch)),
                row(
                        foldCount == 1 ? "masked, the teacher's fold" : "masked, the teacher's " + foldCount + " folds",
                        images,
                        i -> folds(images, i, idsMasked, foldCount, patch))));
    }

    /**
     * Token features as colours: the three strongest principal components of all tokens of all images together, as red,
     * green, blue, each from its 1st to its 99th percentile. A component's sign is fixed by its largest weight, so the same
     * features always give the same picture. Equal tokens give grey.
     *
     * @param tokens [n, rows * cols, D], without cls
     * @param dim D
     * @param tileWidth width of a tile, pixels
     * @param smooth bicubic between the patches instead of plain squares
     */
    public static Sheet.Row pcaMap(
            String caption, float[] tokens, int dim, int rows, int cols, int tileWidth, boolean smooth) {
        int perImage = rows * cols * dim;
        if (perImage < 1 || tokens.length == 0 || tokens.length % perImage != 0) {
            throw new IllegalArgumentException("pcaMap: tokens must hold whole images of [" + rows * cols + ", " + dim
                    + "], but hold " + tokens.length + " numbers");
        }
        double[][] scores = Pca.scores(tokens, dim, Math.min(3, dim));
        // Below this a difference is rounding: collapsed tokens must not look like a pattern.
        double noise = 1e-6 * Math.sqrt(dim) * largest(tokens);
        double[][] channels = new double[3][];
        for (int c = 0; c < 3; c++) {
            channels[c] = Pca.spread(c < scores.length ? scores[c] : new double[tokens.length / dim], noise);
        }
        int tileHeight = Math.max(1, Math.round((float) tileWidth * rows / cols));
        List<BufferedImage> tiles = new ArrayList<>();
        for (int first = 0; first < tokens.length / dim; first += rows * cols) {
            BufferedImage map = new BufferedImage(cols, rows, BufferedImage.TYPE_INT_RGB);
            for (int p = 0; p < rows * cols; p++) {
                int rgb = 0;
                for (double[] channel : channels) {
                    rgb = rgb << 8 | (int) Math.round(255 * channel[first + p]);
                }
                map.setRGB(p % cols, p / cols, rgb);
            }
            tiles.add(resize(map, tileWidth, tileHeight, smooth));
        }
        return new Sheet.Row(caption, tiles);
    }

    /**
     * Masked autoencoding: the images, the visible patches alone, and the visible patches with the prediction in the others.
     *
     * @param prediction [n, L, p * p * C], a patch as rows, columns, channels (He et al. 2021, arXiv:2111.06377)
     * @param idsMasked masked patches, [n, M]
     * @param patch patch side, pixels
     * @param normPix the prediction is of patches with zero mean and unit variance (unbiased, + 1e-6); it is undone by the
     *     true patch's own mean and variance
     */
    public static Sheet reconstruction(
            ImageBatch images, float[] prediction, int[] idsMasked, int patch, boolean normPix) {
        checkIds("reconstruction", "idsMasked", images, idsMasked, patch);
        int patches = images.height() / patch * (images.width() / patch);
        int values = patch * patch * images.channels();
        if (prediction.length != images.count() * patches * values) {
            throw new IllegalArgumentException("reconstruction: prediction must be [" + images.count() + ", " + patches
                    + ", " + values + "], but holds " + prediction.length + " numbers");
        }
        return new Sheet(List.of(
                row("image", images, images::image),
                row("visible to the encoder", images, i -> hide(images, i, idsMasked, patch)),
                row("prediction in the masked patches", images, i -> {
                    BufferedImage picture = images.image(i);
                    for (int id : of(i, images, idsMasked)) {
                        paste(picture, images, i, id, patch, prediction, (i * patches + id) * values, normPix);
                    }
                    return picture;
                })));
    }

    /** A row of images as they are. */
    public static Sheet.Row images(String caption, ImageBatch images) {
        return row(caption, images, images::image);
    }

    /** Enlarges by a whole factor, without smoothing, to at least {@code side} pixels; a larger picture stays as it is. */
    public static BufferedImage enlarge(BufferedImage image, int side) {
        int longest = Math.max(image.getWidth(), image.getHeight());
        int factor = Math.max(1, (side + longest - 1) / longest);
        return factor == 1 ? image : resize(image, image.getWidth() * factor, image.getHeight() * factor, false);
    }

    /** The picture as a PNG file. */
    public static byte[] png(BufferedImage image) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (MemoryCacheImageOutputStream stream = new MemoryCacheImageOutputStream(bytes)) {
            if (!ImageIO.write(image, "png", stream)) {
                throw new IllegalStateException("png: this Java has no writer for PNG files");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return bytes.toByteArray();
    }

    /** The tint of fold {@code fold}, 0xRRGGBB. */
    static int foldTint(int fold) {
        return FOLDS[fold % FOLDS.length];
    }

    private static Sheet.Row row(String caption, ImageBatch images, IntFunction<BufferedImage> draw) {
        return new Sheet.Row(
                caption,
                IntStream.range(0, images.count())
                        .mapToObj(i -> enlarge(draw.apply(i), TILE))
                        .toList());
    }

    private static BufferedImage visible(ImageBatch images, int image, int[] idsKeep, int patch) {
        BufferedImage picture = images.image(image);
        boolean[] keep = new boolean[images.height() / patch * (images.width() / patch)];
        for (int id : of(image, images, idsKeep)) {
            keep[id] = true;
        }
        for (int id = 0; id < keep.length; id++) {
            if (!keep[id]) {
                blend(picture, id, patch, HIDDEN, 1);
            }
        }
        return picture;
    }

    private static BufferedImage hide(ImageBatch images, int image, int[] idsMasked, int patch) {
        BufferedImage picture = images.image(image);
        for (int id : of(image, images, idsMasked)) {
            blend(picture, id, patch, HIDDEN, 1);
        }
        return picture;
    }

    private static BufferedImage folds(ImageBatch images, int image, int[] idsMasked, int foldCount, int patch) {
        BufferedImage picture = images.image(image);
        int[] ids = of(image, images, idsMasked);
        int[] fold = new int[images.height() / patch * (images.width() / patch)];
        java.util.Arrays.fill(fold, foldCount);
        int size = ids.length / foldCount;
        for (int i = 0; i < size * foldCount; i++) {
            fold[ids[i]] = i / size;
        }
        for (int id = 0; id < fold.length; id++) {
            boolean folded = fold[id] < foldCount;
            blend(picture, id, patch, folded ? foldTint(fold[id]) : HIDDEN, folded ? 0.6f : 0.8f);
        }
        return picture;
    }

    /** Mixes {@code colour} into a patch; {@code share} 1 covers it. */
    private static void blend(BufferedImage picture, int id, int patch, int colour, float share) {
        int cols = picture.getWidth() / patch;
        for (int y = id / cols * patch; y < (id / cols + 1) * patch; y++) {
            for (int x = id % cols * patch; x < (id % cols + 1) * patch; x++) {
                int rgb = 0;
                int old = picture.getRGB(x, y);
                for (int shift = 16; shift >= 0; shift -= 8) {
                    rgb |= Math.round((old >> shift & 255) * (1 - share) + (colour >> shift & 255) * share) << shift;
                }
                picture.setRGB(x, y, rgb);
            }
        }
    }

    private static void paste(
            BufferedImage picture,
            ImageBatch images,
            int image,
            int id,
            int patch,
            float[] from,
            int at,
            boolean normPix) {
        int channels = images.channels();
        int cols = images.width() / patch;
        int top = id / cols * patch;
        int left = id % cols * patch;
        double[] moments = normPix ? moments(images, image, top, left, patch) : new double[] {0, 1};
        for (int y = 0; y < patch; y++) {
            for (int x = 0; x < patch; x++) {
                int rgb = 0;
                for (int c = 0; c < 3; c++) {
                    int channel = channels == 1 ? 0 : c;
                    double value = from[at + (y * patch + x) * channels + channel] * moments[1] + moments[0];
                    rgb = rgb << 8 | images.level((float) value, channel);
                }
                picture.setRGB(left + x, top + y, rgb);
            }
        }
    }

    /** Mean and sqrt(unbiased variance + 1e-6) over all values of a patch. */
    private static double[] moments(ImageBatch images, int image, int top, int left, int patch) {
        double[] values = IntStream.range(0, patch * patch * images.channels())
                .mapToDouble(i -> images.value(image, i / (patch * patch), top + i / patch % patch, left + i % patch))
                .toArray();
        double mean = java.util.Arrays.stream(values).average().orElseThrow();
        double squares = java.util.Arrays.stream(values)
                .map(v -> (v - mean) * (v - mean))
                .sum();
        return new double[] {mean, Math.sqrt(squares / Math.max(1, values.length - 1) + 1e-6)};
    }

    private static float largest(float[] values) {
        float most = 0;
        for (float value : values) {
            most = Math.max(most, Math.abs(value));
        }
        return most;
    }

    private static BufferedImage resize(BufferedImage image, int width, int height, boolean smooth) {
        BufferedImage result = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = result.createGraphics();
        graphics.setRenderingHint(
                RenderingHints.KEY_INTERPOLATION,
                smooth
                        ? RenderingHints.VALUE_INTERPOLATION_BICUBIC
                        : RenderingHints.VALUE_INTERPOLATION_NEAREST_NEIGHBOR);
        graphics.drawImage(image, 0, 0, width, height, null);
        graphics.dispose();
        return result;
    }

    private static int[] of(int image, ImageBatch images, int[] ids) {
        int each = ids.length / images.count();
        return java.util.Arrays.copyOfRange(ids, image * each, (image + 1) * each);
    }

    private static void checkIds(String op, String name, ImageBatch images, int[] ids, int patch) {
        if (patch < 1 || images.height() % patch != 0 || images.width() % patch != 0) {
            throw new IllegalArgumentException(op + ": patch must divide the image [" + images.height() + ", "
                    + images.width() + "], but is " + patch);
        }
        if (ids.length % images.count() != 0) {
            throw new IllegalArgumentException(
                    op + ": " + name + " must be [" + images.count() + ", ids], but holds " + ids.length + " numbers");
        }
        int patches = images.height() / patch * (images.width() / patch);
        for (int id : ids) {
            if (id < 0 || id >= patches) {
                throw new IllegalArgumentException(
                        op + ": " + name + " must be 0 to " + (patches - 1) + ", but holds " + id);
            }
        }
    }
}
