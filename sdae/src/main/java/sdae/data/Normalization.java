package sdae.data;

import java.util.Arrays;

/** Per-channel mean and standard deviation of pixels scaled to 0..1. */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record Normalization(float[] mean, float[] std) {
    /** The usual constants of ImageNet. */
    public static Normalization imageNet() {
        return new Normalization(new float[] {0.485f, 0.456f, 0.406f}, new float[] {0.229f, 0.224f, 0.225f});
    }

    /** Checks the values. @throws IllegalArgumentException unless both have one value for each of 1 or 3 channels, finite, std above 0 */
    public Normalization {
        if (mean.length != std.length || (mean.length != 1 && mean.length != 3)) {
            throw new IllegalArgumentException("normalization: mean and std must both have 1 or 3 values, but have "
                    + mean.length + " and " + std.length);
        }
        for (int c = 0; c < mean.length; c++) {
            if (!Float.isFinite(mean[c]) || !(std[c] > 0) || !Float.isFinite(std[c])) {
                throw new IllegalArgumentException("normalization: mean must be finite and std above 0, but are "
                        + Arrays.toString(mean) + " and " + Arrays.toString(std));
            }
        }
    }

    public int channels() {
        return mean.length;
    }

    /**
     * Measured over at most maxImages images, evenly spaced over the source, each image with the same weight. A channel that
     * never changes gets std 1. Broken images are left out if asked.
     *
     * @throws BadImageException at the first broken image, unless skipBad
     */
    public static Normalization measure(ImageSource source, int channels, int maxImages, boolean skipBad) {
        int n = Math.min(source.size(), maxImages);
        double[] sum = new double[channels];
        double[] squares = new double[channels];
        int used = 0;
        for (int k = 0; k < n; k++) {
            RawImage image;
            try {
                image = source.read((int) ((long) k * source.size() / n)).withChannels(channels);
            } catch (BadImageException e) {
                if (skipBad) {
                    continue;
                }
                throw e;
            }
            used++;
            double pixels = (double) image.width() * image.height();
            for (int c = 0; c < channels; c++) {
                long s = 0;
                long q = 0;
                for (int i = c; i < image.pixels().length; i += channels) {
                    int v = image.pixels()[i] & 0xff;
                    s += v;
                    q += (long) v * v;
                }
                sum[c] += s / pixels / 255;
                squares[c] += q / pixels / (255 * 255);
            }
        }
        if (used == 0) {
            throw new DataException("normalization: no image of " + n + " could be read");
        }
        float[] mean = new float[channels];
        float[] std = new float[channels];
        for (int c = 0; c < channels; c++) {
            double m = sum[c] / used;
            double variance = squares[c] / used - m * m;
            mean[c] = (float) m;
            std[c] = variance > 1e-10 ? (float) Math.sqrt(variance) : 1;
        }
        return new Normalization(mean, std);
    }
}
