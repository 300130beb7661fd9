package sdae.data;

import sdae.tensor.Philox;

/**
 * How one batch is mixed: by mixup with lambda, by cutmix with a box, or not at all (lambda 1). timm's batch mode: one draw
 * for all images of the batch.
 *
 * @param box cutmix's; null for mixup
 */
public record MixDraw(double lambda, Mixing.Box box) {

    /** Exponents of the Beta distributions and how often they apply; an alpha of 0 switches its kind off. */
    public record Policy(double mixup, double cutmix, double probability, double switchProbability) {
        /** Whether any batch is mixed. */
        public boolean mixes() {
            return probability > 0 && (mixup > 0 || cutmix > 0);
        }
    }

    /** The draw of a batch of images of height x width. */
    public static MixDraw of(Policy policy, int height, int width, Philox random) {
        if (!policy.mixes() || random.uniform() >= policy.probability) {
            return new MixDraw(1, null);
        }
        boolean cut = policy.mixup == 0 || (policy.cutmix > 0 && random.uniform() < policy.switchProbability);
        double lambda = beta(cut ? policy.cutmix : policy.mixup, random);
        if (!cut) {
            return new MixDraw(lambda, null);
        }
        Mixing.Box box = Mixing.Box.of(height, width, lambda, random.below(height), random.below(width));
        return new MixDraw(box.lambda(height, width), box);
    }

    /** Mixes images [batch, C, height, width] in place. */
    public void apply(float[] images, int batch, int height, int width) {
        if (box != null) {
            Mixing.cutmix(images, batch, height, width, box);
        } else if (lambda < 1) {
            Mixing.mixup(images, batch, lambda);
        }
    }

    /** Beta(a, a) from two gamma numbers. */
    static double beta(double a, Philox random) {
        double x = gamma(a, random);
        double y = gamma(a, random);
        return x + y > 0 ? x / (x + y) : 0.5;
    }

    /** Gamma(a, 1) by Marsaglia and Tsang 2000; below 1 by their power of a uniform number. */
    private static double gamma(double a, Philox random) {
        if (a < 1) {
            double u = ((random.nextBits() >>> 8) + 1) * 0x1p-24;
            return gamma(a + 1, random) * StrictMath.pow(u, 1 / a);
        }
        double d = a - 1.0 / 3;
        double c = 1 / Math.sqrt(9 * d);
        while (true) {
            double x = random.gaussian();
            double v = 1 + c * x;
            double u = ((random.nextBits() >>> 8) + 1) * 0x1p-24;
            if (v > 0 && StrictMath.log(u) < 0.5 * x * x + d - d * v * v * v + 3 * d * StrictMath.log(v)) {
                return d * v * v * v;
            }
        }
    }
}
