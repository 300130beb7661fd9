package sdae.bench;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import sdae.data.ImageDecoder;
import sdae.data.Normalization;
import sdae.data.RandomResizedCrop;
import sdae.tensor.Philox;

/**
 * What a loader's worker does for one image: JPEG in memory, decoded, a random box of it resized (area 20 to 100 %), mirrored
 * half of the time, normalised. One thread, as each worker is.
 */
final class LoadWork implements Work {
    private static final int FILES = 16;
    private static final double MIN_AREA = 0.2;

    private final List<byte[]> files;
    private final ImageDecoder decoder = ImageDecoder.preferred();
    private final RandomResizedCrop crop;
    private final float[] out;
    private int runs;

    LoadWork(Case timed) {
        int side = timed.size("side");
        files = files(timed);
        crop = new RandomResizedCrop(side, side, Normalization.imageNet(), MIN_AREA, 1);
        out = new float[crop.outputSize()];
    }

    /** Drawn pictures of ellipses under noise, so that the files are about as large as photographs at quality 0.75. */
    static List<byte[]> files(Case timed) {
        List<byte[]> files = new ArrayList<>();
        for (int i = 0; i < FILES; i++) {
            files.add(file(timed.size("width"), timed.size("height"), new Philox(2, Philox.Purpose.EVALUATION, 0, i)));
        }
        return files;
    }

    private static byte[] file(int width, int height, Philox random) {
        BufferedImage picture = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        for (int i = 0; i < 60; i++) {
            graphics.setColor(new Color(random.below(1 << 24)));
            graphics.fillOval(random.below(width), random.below(height), 8 + random.below(90), 8 + random.below(90));
        }
        graphics.dispose();
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                picture.setRGB(x, y, picture.getRGB(x, y) ^ random.below(16) * 0x010101);
            }
        }
        try {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            ImageIO.write(picture, "jpg", bytes);
            return bytes.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void run() {
        int i = runs++;
        crop.apply(
                decoder.decode(files.get(i % FILES), "picture " + i % FILES),
                out,
                0,
                new Philox(3, Philox.Purpose.CROP, 0, i));
    }

    @Override
    public Map<String, double[]> outputs() {
        double[] pixels = new double[out.length];
        for (int i = 0; i < out.length; i++) {
            pixels[i] = out[i];
        }
        return Map.of("pixels", pixels);
    }

    @Override
    public void close() {}
}
