package sdae.data;

/**
 * Affine transforms of an image as Pillow's Image.transform makes them: output (x, y) shows the input at
 * (a x + b y + c, d x + e y + f), pixel centres at .5, bicubic with a = -1, neighbours clamped to the image, and places whose
 * centre lies outside filled.
 */
final class AffineOps {
    private AffineOps() {}

    static RawImage shearX(RawImage image, double factor, int[] fill) {
        return transform(image, new double[] {1, factor, 0, 0, 1, 0}, fill);
    }

    static RawImage shearY(RawImage image, double factor, int[] fill) {
        return transform(image, new double[] {1, 0, 0, factor, 1, 0}, fill);
    }

    /** By a share of the width. */
    static RawImage translateX(RawImage image, double share, int[] fill) {
        return transform(image, new double[] {1, 0, share * image.width(), 0, 1, 0}, fill);
    }

    /** By a share of the height. */
    static RawImage translateY(RawImage image, double share, int[] fill) {
        return transform(image, new double[] {1, 0, 0, 0, 1, share * image.height()}, fill);
    }

    /** About the centre, counter-clockwise. */
    static RawImage rotate(RawImage image, double degrees, int[] fill) {
        double angle = -Math.toRadians(degrees);
        double cos = StrictMath.cos(angle);
        double sin = StrictMath.sin(angle);
        double x = image.width() / 2.0;
        double y = image.height() / 2.0;
        return transform(image, new double[] {cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y}, fill);
    }

    /** {@code fill}: a value a channel. */
    static RawImage transform(RawImage image, double[] m, int[] fill) {
        int width = image.width();
        int height = image.height();
        int channels = image.channels();
        byte[] out = new byte[image.pixels().length];
        for (int y = 0, o = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                double fromX = m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2];
                double fromY = m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5];
                boolean inside = fromX >= 0 && fromX < width && fromY >= 0 && fromY < height;
                for (int c = 0; c < channels; c++) {
                    out[o++] = (byte) (inside ? bicubic(image, fromX - 0.5, fromY - 0.5, c) : fill[c]);
                }
            }
        }
        return new RawImage(width, height, channels, out);
    }

    private static int bicubic(RawImage image, double x, double y, int channel) {
        int left = (int) Math.floor(x) - 1;
        int top = (int) Math.floor(y) - 1;
        double dx = x - left - 1;
        double dy = y - top - 1;
        double[] rows = new double[4];
        double[] taps = new double[4];
        for (int r = 0; r < 4; r++) {
            int row = Math.max(0, Math.min(image.height() - 1, top + r));
            for (int k = 0; k < 4; k++) {
                int column = Math.max(0, Math.min(image.width() - 1, left + k));
                taps[k] = image.pixels()[(row * image.width() + column) * image.channels() + channel] & 0xff;
            }
            rows[r] = cubic(taps, dx);
        }
        double v = cubic(rows, dy);
        return v <= 0 ? 0 : v >= 255 ? 255 : (int) v;
    }

    private static double cubic(double[] v, double d) {
        double p1 = v[2] - v[0];
        double p2 = 2 * (v[0] - v[1]) + v[2] - v[3];
        double p3 = v[1] - v[0] + v[3] - v[2];
        return v[1] + d * (p1 + d * (p2 + d * p3));
    }
}
