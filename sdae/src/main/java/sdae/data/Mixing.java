package sdae.data;

/**
 * Mixup (Zhang et al. 2018, arXiv:1710.09412) and cutmix (Yun et al. 2019, arXiv:1905.04899) of a whole batch with one
 * lambda, as timm does it in batch mode: the partner of image i is image B-1-i.
 */
public final class Mixing {
    private Mixing() {}

    /** Rows top..bottom-1 and columns left..right-1 of an image of height x width. */
    public record Box(int top, int bottom, int left, int right) {
        public Box {
            if (top < 0 || bottom < top || left < 0 || right < left) {
                throw new IllegalArgumentException("cutmix: the box must have 0 <= start <= end, but is rows " + top
                        + " to " + bottom + ", columns " + left + " to " + right);
            }
        }

        /**
         * The box around a centre whose sides are about sqrt(1 - lambda) of the image's, cut off at the image's edges: half
         * a side is the whole part of half of the whole part.
         */
        public static Box of(int height, int width, double lambda, int centreRow, int centreColumn) {
            checkLambda("cutmix", lambda);
            double ratio = Math.sqrt(1 - lambda);
            int halfRows = (int) (height * ratio) / 2;
            int halfColumns = (int) (width * ratio) / 2;
            return new Box(
                    clip(centreRow - halfRows, height),
                    clip(centreRow + halfRows, height),
                    clip(centreColumn - halfColumns, width),
                    clip(centreColumn + halfColumns, width));
        }

        private static int clip(int at, int size) {
            return Math.min(Math.max(at, 0), size);
        }

        /** The part of the image that is left of itself: the lambda of the targets. */
        public double lambda(int height, int width) {
            return 1 - (double) (bottom - top) * (right - left) / ((double) height * width);
        }
    }

    /** images [batch, ...] become lambda * image + (1 - lambda) * partner, in place. */
    public static void mixup(float[] images, int batch, double lambda) {
        checkLambda("mixup", lambda);
        int each = imageSize("mixup", images, batch);
        for (int first = 0, second = batch - 1; first < second; first++, second--) {
            for (int k = 0; k < each; k++) {
                float a = images[first * each + k];
                float b = images[second * each + k];
                images[first * each + k] = (float) (lambda * a + (1 - lambda) * b);
                images[second * each + k] = (float) (lambda * b + (1 - lambda) * a);
            }
        }
    }

    /** images [batch, C, height, width] get the box of their partner, in place. */
    public static void cutmix(float[] images, int batch, int height, int width, Box box) {
        int each = imageSize("cutmix", images, batch);
        if (each % (height * width) != 0 || box.bottom > height || box.right > width) {
            throw new IllegalArgumentException("cutmix: images must be of " + height + "x" + width
                    + " and hold the box, but have " + each + " values and the box ends at row " + box.bottom
                    + ", column " + box.right);
        }
        for (int first = 0, second = batch - 1; first < second; first++, second--) {
            for (int plane = 0; plane < each; plane += height * width) {
                for (int row = box.top; row < box.bottom; row++) {
                    for (int column = box.left; column < box.right; column++) {
                        int at = plane + row * width + column;
                        float a = images[first * each + at];
                        images[first * each + at] = images[second * each + at];
                        images[second * each + at] = a;
                    }
                }
            }
        }
    }

    /**
     * Targets [B, classes]: one-hot, smoothed (smoothing/classes everywhere, 1 - smoothing more at the label), then mixed with
     * the partner's by lambda. Lambda 1 mixes nothing.
     *
     * @throws IllegalArgumentException for a label outside 0..classes-1
     */
    public static float[] targets(int[] labels, int classes, double smoothing, double lambda) {
        checkLambda("targets", lambda);
        double off = smoothing / classes;
        float[] targets = new float[labels.length * classes];
        for (int i = 0; i < labels.length; i++) {
            int own = checkLabel(labels[i], classes);
            int other = checkLabel(labels[labels.length - 1 - i], classes);
            for (int c = 0; c < classes; c++) {
                double mixed = (c == own ? lambda : 0) + (c == other ? 1 - lambda : 0);
                targets[i * classes + c] = (float) (off + (1 - smoothing) * mixed);
            }
        }
        return targets;
    }

    private static int checkLabel(int label, int classes) {
        if (label < 0 || label >= classes) {
            throw new IllegalArgumentException("targets: a label must be in 0.." + (classes - 1) + ", but is " + label);
        }
        return label;
    }

    private static void checkLambda(String op, double lambda) {
        if (!(lambda >= 0 && lambda <= 1)) {
            throw new IllegalArgumentException(op + ": lambda must be in [0, 1], but is " + lambda);
        }
    }

    private static int imageSize(String op, float[] images, int batch) {
        if (batch < 1 || images.length % batch != 0) {
            throw new IllegalArgumentException(
                    op + ": images must hold " + batch + " images, but have " + images.length + " values");
        }
        return images.length / batch;
    }
}
