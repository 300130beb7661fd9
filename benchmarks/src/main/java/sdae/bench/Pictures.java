package sdae.bench;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import sdae.tensor.Philox;

/** JPEG files of {@link Kernel#LOAD}, and how they are cut: the same for every implementation. */
public final class Pictures {
    /** Files that are gone through in turn. */
    public static final int COUNT = 16;

    /** Least share of the picture's area that a crop has; the largest is all of it. */
    public static final double MIN_AREA = 0.2;

    private Pictures() {}

    /** Drawn pictures of ellipses under noise, so that the files are about as large as photographs at quality 0.75. */
    public static List<byte[]> jpegs(Case timed) {
        List<byte[]> files = new ArrayList<>();
        for (int i = 0; i < COUNT; i++) {
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
}
