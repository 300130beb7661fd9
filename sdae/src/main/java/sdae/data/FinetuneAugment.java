package sdae.data;

import sdae.tensor.Philox;

/**
 * What a training image goes through in fine-tuning: random resized crop and flip, rounded to bytes, RandAugment, normalised,
 * and at times a box of noise (random erasing, Zhong et al. 2017, arXiv:1708.04896, as timm's mode 'pixel').
 */
public final class FinetuneAugment extends Augment {
    private static final int TRIES = 10;
    private static final double LOG_ASPECT = StrictMath.log(1 / 0.3);

    private final RandomResizedCrop crop;
    private final RandAugment augment;
    private final Normalization normalization;
    private final double erase;

    /**
     * @param crop box, size, flip and normalisation
     * @param policy {@code none} or as {@code rand-m9-mstd0.5-inc1}
     * @param erase probability of a box of noise
     * @throws IllegalArgumentException for another policy
     */
    public FinetuneAugment(RandomResizedCrop crop, Normalization normalization, String policy, double erase) {
        super(crop.height(), crop.width(), normalization);
        this.crop = crop;
        this.normalization = normalization;
        this.augment = RandAugment.of(policy, normalization.mean());
        this.erase = erase;
    }

    @Override
    public void apply(RawImage image, float[] out, int offset, Philox random) {
        crop.apply(image, out, offset, random);
        if (augment != null) {
            normalise(augment.apply(bytes(out, offset), random), out, offset);
        }
        if (random.uniform() < erase) {
            erase(out, offset, random);
        }
    }

    /** Back from normalised values: what an image file of the crop would hold. */
    private RawImage bytes(float[] out, int offset) {
        int plane = height() * width();
        byte[] pixels = new byte[outputSize()];
        for (int c = 0; c < channels(); c++) {
            for (int i = 0; i < plane; i++) {
                float v = 255
                        * (out[offset + c * plane + i] * normalization.std()[c]
                                + normalization.mean()[c]);
                pixels[i * channels() + c] = (byte) Math.max(0, Math.min(255, Math.round(v)));
            }
        }
        return new RawImage(width(), height(), channels(), pixels);
    }

    private void normalise(RawImage image, float[] out, int offset) {
        int plane = height() * width();
        for (int c = 0; c < channels(); c++) {
            for (int i = 0; i < plane; i++) {
                float v = (image.pixels()[i * channels() + c] & 0xff) / 255f;
                out[offset + c * plane + i] =
                        (v - normalization.mean()[c]) / normalization.std()[c];
            }
        }
    }

    /** Area .02 to 1/3 of the image, aspect .3 to 1/.3. */
    private void erase(float[] out, int offset, Philox random) {
        double area = (double) height() * width();
        for (int i = 0; i < TRIES; i++) {
            double target = area * random.uniform(0.02, 1.0 / 3);
            double aspect = StrictMath.exp(random.uniform(-LOG_ASPECT, LOG_ASPECT));
            int h = (int) Math.rint(Math.sqrt(target * aspect));
            int w = (int) Math.rint(Math.sqrt(target / aspect));
            if (h < 1 || w < 1 || h >= height() || w >= width()) {
                continue;
            }
            int top = random.below(height() - h + 1);
            int left = random.below(width() - w + 1);
            for (int c = 0; c < channels(); c++) {
                for (int y = top; y < top + h; y++) {
                    int at = offset + (c * height() + y) * width() + left;
                    for (int x = 0; x < w; x++) {
                        out[at + x] = (float) random.gaussian();
                    }
                }
            }
            return;
        }
    }
}
