package sdae.data;

import sdae.tensor.Philox;

/**
 * A random box, resized, and mirrored left to right at times: torchvision's RandomResizedCrop (10 tries for a box of random
 * area and aspect that fits, then a centred one) and RandomHorizontalFlip. The flip is drawn first, so that every number but
 * the tries' has a fixed place.
 */
public final class RandomResizedCrop extends Augment {
    private static final int TRIES = 10;

    private final double minScale;
    private final double maxScale;
    private final double minRatio;
    private final double maxRatio;
    private final double flip;

    /** Aspect ratio (width / height) 3/4 to 4/3, flipped half of the time. */
    public RandomResizedCrop(int height, int width, Normalization normalization, double minScale, double maxScale) {
        this(height, width, normalization, minScale, maxScale, 3.0 / 4, 4.0 / 3, 0.5);
    }

    /**
     * All settings of the crop.
     *
     * @param minScale smallest share of the image's area, above 0
     * @param maxScale largest share, at most 1
     * @param flip probability of mirroring
     */
    public RandomResizedCrop(
            int height,
            int width,
            Normalization normalization,
            double minScale,
            double maxScale,
            double minRatio,
            double maxRatio,
            double flip) {
        super(height, width, normalization);
        if (!(minScale > 0 && minScale <= maxScale && maxScale <= 1)) {
            throw new IllegalArgumentException(
                    "randomResizedCrop: scale must be 0 < min <= max <= 1, but is " + minScale + " to " + maxScale);
        }
        if (!(minRatio > 0 && minRatio <= maxRatio && maxRatio < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "randomResizedCrop: ratio must be 0 < min <= max, but is " + minRatio + " to " + maxRatio);
        }
        if (!(flip >= 0 && flip <= 1)) {
            throw new IllegalArgumentException("randomResizedCrop: flip must be in 0..1, but is " + flip);
        }
        this.minScale = minScale;
        this.maxScale = maxScale;
        this.minRatio = minRatio;
        this.maxRatio = maxRatio;
        this.flip = flip;
    }

    @Override
    public void apply(RawImage image, float[] out, int offset, Philox random) {
        boolean mirrored = random.uniform() < flip;
        write(
                image,
                box(image.width(), image.height(), random),
                Resample.Window.whole(width(), height()),
                mirrored,
                out,
                offset);
    }

    Resample.Box box(int width, int height, Philox random) {
        double area = (double) width * height;
        double low = StrictMath.log(minRatio);
        double high = StrictMath.log(maxRatio);
        for (int i = 0; i < TRIES; i++) {
            double target = area * random.uniform(minScale, maxScale);
            double ratio = StrictMath.exp(random.uniform(low, high));
            int w = (int) Math.rint(Math.sqrt(target * ratio));
            int h = (int) Math.rint(Math.sqrt(target / ratio));
            if (w > 0 && w <= width && h > 0 && h <= height) {
                int y = random.below(height - h + 1);
                int x = random.below(width - w + 1);
                return new Resample.Box(x, y, w, h);
            }
        }
        double ratio = (double) width / height;
        int w = ratio > maxRatio ? Math.max(1, (int) Math.rint(height * maxRatio)) : width;
        int h = ratio < minRatio ? Math.max(1, (int) Math.rint(width / minRatio)) : height;
        return new Resample.Box((width - w) / 2, (height - h) / 2, w, h);
    }
}
