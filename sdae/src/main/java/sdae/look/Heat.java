package sdae.look;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import sdae.report.ImageBatch;
import sdae.report.Pictures;

/** Numbers of patches as colours, from dark violet (0) over green to yellow (1). */
final class Heat {
    /** Five points of matplotlib's viridis, whose lightness rises evenly. */
    private static final int[] SCALE = {0x440154, 0x3B528B, 0x21918C, 0x5EC962, 0xFDE725};

    private Heat() {}

    /** The colour of a value, cut off at 0 and 1. */
    static int colour(double value) {
        double at = Math.max(0, Math.min(1, Double.isNaN(value) ? 0 : value)) * (SCALE.length - 1);
        int low = Math.min(SCALE.length - 2, (int) at);
        int rgb = 0;
        for (int shift = 16; shift >= 0; shift -= 8) {
            int a = SCALE[low] >> shift & 255;
            int b = SCALE[low + 1] >> shift & 255;
            rgb |= (int) Math.round(a + (b - a) * (at - low)) << shift;
        }
        return rgb;
    }

    /** One colour a patch; {@code values[from ...]} row by row. Enlarged like the image of these patches. */
    static BufferedImage map(double[] values, int from, int rows, int cols, int patch, double most) {
        BufferedImage picture = new BufferedImage(cols * patch, rows * patch, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < rows * patch; y++) {
            for (int x = 0; x < cols * patch; x++) {
                double value = values[from + y / patch * cols + x / patch];
                picture.setRGB(x, y, colour(most == 0 ? 0 : value / most));
            }
        }
        return Pictures.enlarge(picture, Pictures.TILE);
    }

    /** The patches {@code ids[from, from + values.length)} in the colour of their values, over the darkened image. */
    static BufferedImage over(ImageBatch images, int image, int patch, int[] ids, int from, double[] values) {
        BufferedImage picture = images.image(image);
        int cols = images.width() / patch;
        for (int y = 0; y < picture.getHeight(); y++) {
            for (int x = 0; x < picture.getWidth(); x++) {
                int rgb = picture.getRGB(x, y);
                int grey = ((rgb >> 16 & 255) + (rgb >> 8 & 255) + (rgb & 255)) / 6;
                picture.setRGB(x, y, grey << 16 | grey << 8 | grey);
            }
        }
        for (int i = 0; i < values.length; i++) {
            int id = ids[from + i];
            for (int y = id / cols * patch; y < (id / cols + 1) * patch; y++) {
                for (int x = id % cols * patch; x < (id % cols + 1) * patch; x++) {
                    picture.setRGB(x, y, colour(values[i]));
                }
            }
        }
        return Pictures.enlarge(picture, Pictures.TILE);
    }

    /** The image, enlarged, with a frame around one patch. */
    static BufferedImage framed(BufferedImage image, int cols, int patch, int id) {
        BufferedImage picture = Pictures.enlarge(image, Pictures.TILE);
        int side = patch * picture.getWidth() / image.getWidth();
        Graphics2D graphics = picture.createGraphics();
        int x = id % cols * side;
        int y = id / cols * side;
        graphics.setColor(Color.BLACK);
        graphics.setStroke(new BasicStroke(4));
        graphics.drawRect(x, y, side - 1, side - 1);
        graphics.setColor(new Color(0xFFD21F));
        graphics.setStroke(new BasicStroke(2));
        graphics.drawRect(x, y, side - 1, side - 1);
        graphics.dispose();
        return picture;
    }
}
