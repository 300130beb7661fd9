package sdae.data;

import sdae.tensor.Philox;

/**
 * The crop of MAE's linear probe, as TensorFlow and BYOL (Grill et al. 2020) take it: area and aspect are drawn once, and a box
 * that is too large is cut to the image instead of drawn again; then mirrored half of the time.
 */
public final class ProbeCrop extends Augment {
    private static final double MIN_SCALE = 0.08;
    private static final double LOG_RATIO = StrictMath.log(4.0 / 3);

    public ProbeCrop(int height, int width, Normalization normalization) {
        super(height, width, normalization);
    }

    @Override
    public void apply(RawImage image, float[] out, int offset, Philox random) {
        boolean mirrored = random.uniform() < 0.5;
        write(
                image,
                box(image.width(), image.height(), random),
                Resample.Window.whole(width(), height()),
                mirrored,
                out,
                offset);
    }

    static Resample.Box box(int width, int height, Philox random) {
        double area = (double) width * height * random.uniform(MIN_SCALE, 1);
        double ratio = StrictMath.exp(random.uniform(-LOG_RATIO, LOG_RATIO));
        int w = Math.min(width, Math.max(1, (int) Math.rint(Math.sqrt(area * ratio))));
        int h = Math.min(height, Math.max(1, (int) Math.rint(Math.sqrt(area / ratio))));
        int y = random.below(height - h + 1);
        int x = random.below(width - w + 1);
        return new Resample.Box(x, y, w, h);
    }
}
