package sdae.report;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.util.Arrays;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.EigenDecomposition;
import org.apache.commons.math3.stat.correlation.Covariance;
import org.junit.jupiter.api.Test;

class PicturesTest {
    /** One RGB image [3, 2, 4] of two 2 x 2 patches; mean and std differ by channel. */
    private static ImageBatch colours() {
        float[] mean = {0.5f, 0.4f, 0.3f};
        float[] std = {0.2f, 0.25f, 0.5f};
        float[] values = FakePictures.floats(24, i -> (i / 23f - mean[i / 8]) / std[i / 8]);
        return new ImageBatch(values, 3, 2, 4, mean, std);
    }

    @Test
    void imagesGetTheirPixelsBack() {
        BufferedImage image = colours().image(0);
        for (int i = 0; i < 8; i++) {
            int expected = level(i) << 16 | level(i + 8) << 8 | level(i + 16);
            assertEquals(expected, image.getRGB(i % 4, i / 4) & 0xFFFFFF);
        }
    }

    @Test
    void smallImagesAreEnlargedWithoutSmoothing() {
        BufferedImage tile = Pictures.enlarge(FakePictures.images().image(0), Pictures.TILE);
        assertEquals(112, tile.getWidth());
        BufferedImage image = FakePictures.images().image(0);
        for (int at = 0; at < 112; at++) {
            assertEquals(image.getRGB(at / 4, 9), tile.getRGB(at, 38));
        }
        assertEquals(224, Pictures.enlarge(new BufferedImage(224, 224, 1), 112).getWidth());
    }

    @Test
    void maskGridShowsVisiblePatchesAndTintsEachFold() {
        int[] order = FakePictures.order();
        int[] keep = FakePictures.part(order, 0, 12);
        int[] masked = FakePictures.part(order, 12, 49);
        ImageBatch images = FakePictures.images();
        Sheet sheet = Pictures.maskGrid(images, keep, masked, 3, 4);
        assertEquals(3, sheet.rows().size());
        for (int image = 0; image < FakePictures.COUNT; image++) {
            BufferedImage visible = sheet.rows().get(1).tiles().get(image);
            BufferedImage folds = sheet.rows().get(2).tiles().get(image);
            for (int i = 0; i < 49; i++) {
                int id = order[image * 49 + i];
                int x = id % 7 * 4 + 1;
                int y = id / 7 * 4 + 2;
                int pixel = images.colour(image, y, x);
                assertEquals(i < 12 ? pixel : 0x808080, visible.getRGB(x * 4, y * 4) & 0xFFFFFF);
                // 37 masked patches make three folds of 12; the last one is in none.
                boolean none = i < 12 || i == 48;
                int tint = none ? 0x808080 : Pictures.foldTint((i - 12) / 12);
                assertEquals(mix(pixel, tint, none ? 0.8 : 0.6), folds.getRGB(x * 4, y * 4) & 0xFFFFFF);
            }
        }
    }

    @Test
    void reconstructionOfTheTruthIsTheImage() {
        ImageBatch images = colours();
        for (boolean normPix : new boolean[] {false, true}) {
            float[] truth = patches(images, normPix);
            Sheet sheet = Pictures.reconstruction(images, truth, new int[] {1}, 2, normPix);
            BufferedImage image = images.image(0);
            BufferedImage predicted = sheet.rows().get(2).tiles().get(0);
            BufferedImage masked = sheet.rows().get(1).tiles().get(0);
            for (int i = 0; i < 8; i++) {
                int rgb = image.getRGB(i % 4, i / 4);
                assertEquals(rgb, predicted.getRGB(i % 4 * 28, i / 4 * 28), "pixel " + i + ", normPix " + normPix);
                assertEquals(i % 4 < 2 ? rgb : 0xFF808080, masked.getRGB(i % 4 * 28, i / 4 * 28));
            }
        }
    }

    @Test
    void reconstructionLeavesVisiblePatchesAlone() {
        ImageBatch images = colours();
        Sheet sheet = Pictures.reconstruction(images, new float[24], new int[] {1}, 2, false);
        BufferedImage predicted = sheet.rows().get(2).tiles().get(0);
        assertEquals(images.colour(0, 1, 1), predicted.getRGB(28, 28) & 0xFFFFFF);
        int mean = Math.round(0.5f * 255) << 16 | Math.round(0.4f * 255) << 8 | Math.round(0.3f * 255);
        assertEquals(mean, predicted.getRGB(3 * 28, 28) & 0xFFFFFF);
    }

    @Test
    void componentsAreThoseOfTheCovariance() {
        int n = 300;
        int dim = 40;
        float[] tokens = new float[n * dim];
        SplittableRandom random = new SplittableRandom(11);
        for (int i = 0; i < tokens.length; i++) {
            tokens[i] = (float) ((random.nextDouble() - 0.5) * Math.pow(0.93, i % dim) + i % dim);
        }
        double[][] rows = new double[n][dim];
        for (int i = 0; i < tokens.length; i++) {
            rows[i / dim][i % dim] = tokens[i];
        }
        EigenDecomposition exact = new EigenDecomposition(new Covariance(rows).getCovarianceMatrix());
        double[][] scores = Pca.scores(tokens, dim, 3);
        double[] eigenvalues = exact.getRealEigenvalues();
        for (int k = 0; k < 3; k++) {
            double[] direction = exact.getEigenvector(k).toArray();
            double[] expected = new Array2DRowRealMatrix(rows).operate(direction);
            double mean = Arrays.stream(expected).average().orElseThrow();
            double product = 0;
            double square = 0;
            for (int i = 0; i < n; i++) {
                product += (expected[i] - mean) * scores[k][i];
                square += scores[k][i] * scores[k][i];
            }
            assertEquals(eigenvalues[k], square / (n - 1), 1e-3 * eigenvalues[k]);
            assertTrue(Math.abs(product) > 0.99 * eigenvalues[k] * (n - 1), "component " + k);
        }
    }

    @Test
    void signDoesNotDependOnTheData() {
        float[] tokens = FakePictures.tokens(24);
        float[] shifted = tokens.clone();
        for (int i = 0; i < shifted.length; i++) {
            shifted[i] += 3;
        }
        double[][] a = Pca.scores(tokens, 24, 3);
        double[][] b = Pca.scores(shifted, 24, 3);
        for (int k = 0; k < 3; k++) {
            assertArrayEquals(a[k], b[k], 1e-3);
        }
    }

    @Test
    void mapIsJointOverImagesAndEqualTokensAreGrey() {
        float[] tokens = FakePictures.floats(2 * 4 * 5, i -> i < 20 ? 1 : -1);
        Sheet.Row row = Pictures.pcaMap("map", tokens, 5, 2, 2, 8, false);
        int first = row.tiles().get(0).getRGB(0, 0) & 0xFFFFFF;
        int second = row.tiles().get(1).getRGB(0, 0) & 0xFFFFFF;
        assertEquals(0xFF8080, first);
        assertEquals(0x008080, second);
        float[] equal = FakePictures.floats(2 * 4 * 5, i -> i % 5 + (i == 7 ? 1e-7f : 0));
        Sheet.Row grey = Pictures.pcaMap("map", equal, 5, 2, 2, 8, true);
        assertEquals(0x808080, grey.tiles().get(1).getRGB(3, 3) & 0xFFFFFF);
    }

    @Test
    void fewerThanThreeChannelsStillMakeAMap() {
        Sheet.Row row = Pictures.pcaMap("map", new float[] {0, 1, 2, 3}, 1, 1, 4, 8, false);
        assertEquals(0x008080, row.tiles().get(0).getRGB(0, 0) & 0xFFFFFF);
        assertEquals(2, row.tiles().get(0).getHeight());
    }

    @Test
    void wrongArgumentsAreNamed() {
        ImageBatch images = colours();
        assertMessage(
                "maskGrid: patch must divide the image [2, 4], but is 3",
                () -> Pictures.maskGrid(images, new int[1], new int[1], 1, 3));
        assertMessage(
                "maskGrid: idsKeep must be 0 to 1, but holds 2",
                () -> Pictures.maskGrid(images, new int[] {2}, new int[1], 1, 2));
        assertMessage(
                "reconstruction: prediction must be [1, 2, 12], but holds 3 numbers",
                () -> Pictures.reconstruction(images, new float[3], new int[] {1}, 2, true));
        assertMessage(
                "pcaMap: tokens must be finite, but token 1 holds NaN",
                () -> Pictures.pcaMap("", new float[] {0, 0, 0, Float.NaN}, 2, 1, 2, 8, false));
        assertMessage(
                "images: channels must be 1 or 3, but is 2",
                () -> new ImageBatch(new float[2], 2, 1, 1, new float[2], new float[2]));
    }

    @Test
    void pngHoldsThePicture() throws Exception {
        BufferedImage picture = FakePictures.figures().get(0).sheet().picture();
        BufferedImage read = ImageIO.read(new ByteArrayInputStream(Pictures.png(picture)));
        assertEquals(8 * 112 + 7 * 6, read.getWidth());
        assertEquals(3 * 112 + 2 * 6, read.getHeight());
        assertEquals(picture.getRGB(200, 200), read.getRGB(200, 200));
        assertEquals(0, read.getRGB(114, 20) >>> 24, "gaps are transparent");
    }

    /** Patches as rows, columns, channels, standardised or not. */
    private static float[] patches(ImageBatch images, boolean normPix) {
        float[] out = new float[24];
        for (int patch = 0; patch < 2; patch++) {
            double sum = 0;
            for (int i = 0; i < 12; i++) {
                out[patch * 12 + i] = images.value(0, i % 3, i / 6, patch * 2 + i / 3 % 2);
                sum += out[patch * 12 + i];
            }
            double squares = 0;
            for (int i = 0; i < 12; i++) {
                squares += Math.pow(out[patch * 12 + i] - sum / 12, 2);
            }
            for (int i = 0; normPix && i < 12; i++) {
                out[patch * 12 + i] = (float) ((out[patch * 12 + i] - sum / 12) / Math.sqrt(squares / 11 + 1e-6));
            }
        }
        return out;
    }

    private static int level(int i) {
        return Math.round(i / 23f * 255);
    }

    private static int mix(int a, int b, double share) {
        int rgb = 0;
        for (int shift = 16; shift >= 0; shift -= 8) {
            float s = (float) share;
            rgb |= Math.round((a >> shift & 255) * (1 - s) + (b >> shift & 255) * s) << shift;
        }
        return rgb;
    }

    private static void assertMessage(String message, org.junit.jupiter.api.function.Executable call) {
        assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
    }
}
