package sdae.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import sdae.tensor.Philox;

class AugmentTest {
    private static final Normalization PLAIN = new Normalization(new float[] {0}, new float[] {1});

    private static RawImage image(int width, int height, int channels) {
        byte[] pixels = new byte[width * height * channels];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                for (int c = 0; c < channels; c++) {
                    pixels[(y * width + x) * channels + c] = (byte) (x * 37 + y * 91 + x * y * 7 + c * 55);
                }
            }
        }
        return new RawImage(width, height, channels, pixels);
    }

    /** Pillow 12.3: mode F, crop((2, 1, 15, 11)), resize((5, 4), BICUBIC) of the image above. */
    @Test
    void resizeGivesPillowsNumbers() {
        double[] pillow = {
            127.435, 124.988, 134.922, 122.682, 108.036, 139.837, 149.074, 121.33, 140.673, 130.602,
            123.458, 132.651, 127.08, 133.856, 129.858, 158.659, 104.128, 139.073, 118.015, 158.847
        };
        float[] got =
                new Resample().resize(image(17, 13, 1), new Resample.Box(2, 1, 13, 10), Resample.Window.whole(5, 4));
        for (int i = 0; i < pillow.length; i++) {
            assertEquals(pillow[i], got[i], 1e-3);
        }
    }

    @Test
    void resizeAgreesWithANaiveDoubleReference() {
        Resample resample = new Resample();
        int[][] cases = {{1, 1, 3, 5}, {1, 40, 6, 6}, {40, 1, 6, 6}, {17, 13, 20, 3}, {31, 50, 14, 14}, {9, 9, 9, 9}};
        for (int[] c : cases) {
            for (int channels : new int[] {1, 3}) {
                RawImage image = image(c[0] + 3, c[1] + 2, channels);
                Resample.Box box = new Resample.Box(2, 1, c[0], c[1]);
                int columns = (c[2] + 1) / 2;
                float[] got =
                        resample.resize(image, box, new Resample.Window(c[2], c[3], c[2] - columns, 0, columns, c[3]));
                for (int y = 0; y < c[3]; y++) {
                    for (int x = 0; x < columns; x++) {
                        for (int k = 0; k < channels; k++) {
                            double expected = naive(image, box, c[2], c[3], x + c[2] - columns, y, k);
                            assertEquals(expected, got[(y * columns + x) * channels + k], 1e-3);
                        }
                    }
                }
            }
        }
    }

    private static double naive(RawImage image, Resample.Box box, int width, int height, int x, int y, int c) {
        double[] across = taps(box.width(), width, x);
        double[] down = taps(box.height(), height, y);
        double sum = 0;
        for (int i = 0; i < box.height(); i++) {
            for (int j = 0; j < box.width(); j++) {
                int p = ((box.y() + i) * image.width() + box.x() + j) * image.channels() + c;
                sum += down[i] * across[j] * (image.pixels()[p] & 0xff);
            }
        }
        return Math.min(255, Math.max(0, sum));
    }

    private static double[] taps(int in, int out, int at) {
        double scale = (double) in / out;
        double widen = Math.max(1, scale);
        double[] taps = new double[in];
        double total = 0;
        for (int i = 0; i < in; i++) {
            double t = Math.abs((i + 0.5 - (at + 0.5) * scale) / widen);
            taps[i] =
                    t < 1 ? 1.5 * t * t * t - 2.5 * t * t + 1 : t < 2 ? -0.5 * t * t * t + 2.5 * t * t - 4 * t + 2 : 0;
            total += taps[i];
        }
        for (int i = 0; i < in; i++) {
            taps[i] /= total;
        }
        return taps;
    }

    @Test
    void cropBoxesFitAndHaveTheAskedShare() {
        RandomResizedCrop crop = new RandomResizedCrop(14, 14, PLAIN, 0.2, 1);
        double share = 0;
        for (int id = 0; id < 4000; id++) {
            Resample.Box box = crop.box(500, 375, new Philox(3, Philox.Purpose.CROP, 0, id));
            assertTrue(box.x() >= 0 && box.y() >= 0 && box.x() + box.width() <= 500 && box.y() + box.height() <= 375);
            double ratio = (double) box.width() / box.height();
            assertTrue(ratio > 0.74 && ratio < 1.345, "ratio " + ratio);
            share += (double) box.width() * box.height() / (500 * 375) / 4000;
        }
        assertEquals(
                0.495, share, 0.01); // simulated apart: 0.6 less the upright boxes that do not fit into a wide image
    }

    @Test
    void extremeShapesFallBackToACentredCrop() {
        RandomResizedCrop crop = new RandomResizedCrop(14, 14, PLAIN, 0.2, 1);
        assertEquals(new Resample.Box(0, 4999, 1, 1), crop.box(1, 10_000, new Philox(3, Philox.Purpose.CROP, 0, 0)));
        for (int[] size : new int[][] {{1, 1}, {1, 10_000}, {10_000, 1}, {3, 5}}) {
            float[] out = new float[14 * 14];
            crop.apply(image(size[0], size[1], 3), out, 0, new Philox(3, Philox.Purpose.CROP, 0, 0));
            new CenterFit(14, 14, PLAIN)
                    .apply(image(size[0], size[1], 1), out, 0, new Philox(3, Philox.Purpose.CROP, 0, 0));
        }
    }

    @Test
    void centerFitIsTheIdentityAtTheWantedSizeAndCoversElse() {
        RawImage image = image(28, 20, 1);
        CenterFit fit = new CenterFit(20, 28, new Normalization(new float[] {0.5f}, new float[] {0.25f}));
        float[] out = new float[20 * 28 + 1];
        fit.apply(image, out, 1, new Philox(1, Philox.Purpose.EVALUATION, 0, 0));
        for (int i = 0; i < image.pixels().length; i++) {
            assertEquals(((image.pixels()[i] & 0xff) / 255.0 - 0.5) / 0.25, out[1 + i], 1e-5);
        }
        assertEquals(new Resample.Window(341, 256, 58, 16, 224, 224), new CenterFit(224, 224, PLAIN).window(500, 375));
    }

    @Test
    void flipMirrorsRowsAndPlanesAreChannels() {
        Normalization three = new Normalization(new float[3], new float[] {1, 1, 1});
        float[] plain = new float[3 * 6 * 8];
        float[] mirrored = plain.clone();
        RawImage image = image(8, 6, 3);
        new RandomResizedCrop(6, 8, three, 1, 1, 8.0 / 6, 8.0 / 6, 0)
                .apply(image, plain, 0, new Philox(1, Philox.Purpose.CROP, 0, 0));
        new RandomResizedCrop(6, 8, three, 1, 1, 8.0 / 6, 8.0 / 6, 1)
                .apply(image, mirrored, 0, new Philox(1, Philox.Purpose.CROP, 0, 0));
        for (int i = 0; i < plain.length; i++) {
            int x = i % 8;
            assertEquals((image.pixels()[i % 48 * 3 + i / 48] & 0xff) / 255f, plain[i], 1e-5);
            assertEquals(plain[i], mirrored[i - x + 7 - x]);
        }
    }
}
