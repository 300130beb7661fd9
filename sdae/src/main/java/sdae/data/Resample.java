package sdae.data;

import java.util.Arrays;

/**
 * Antialiased bicubic resize of a box of an image, as Pillow and torchvision do it: cubic kernel with a = -0.5 (Keys 1981),
 * widened by the shrink factor, weights normalised, samples outside the box left out. Rows first, then columns, in float;
 * results are clamped to 0..255 but not rounded to bytes. Buffers are reused: one object a thread.
 */
final class Resample {
    private static final double A = -0.5;

    private final Weights down = new Weights();
    private final Weights across = new Weights();
    private float[] line = new float[0];
    private float[] input = new float[0];
    private float[] result = new float[0];

    /** The box of the image that is resized, in pixels. */
    record Box(int x, int y, int width, int height) {}

    /** A part of the resized box: the box becomes [height, width]; rows top.., columns left.. of it are wanted. */
    record Window(int width, int height, int left, int top, int columns, int rows) {
        static Window whole(int width, int height) {
            return new Window(width, height, 0, 0, width, height);
        }
    }

    /** The kernel's taps for each output: first input and weights, {@code stride} apart. */
    private static final class Weights {
        int[] first = new int[0];
        int[] count = new int[0];
        float[] weights = new float[0];
        double[] taps = new double[0];
        int stride;

        void fill(int in, int out, int from, int n) {
            double scale = (double) in / out;
            double widen = Math.max(scale, 1);
            double support = 2 * widen;
            stride = (int) Math.ceil(support) * 2 + 1;
            if (first.length < n) {
                first = new int[n];
                count = new int[n];
            }
            if (weights.length < n * stride) {
                weights = new float[n * stride];
            }
            if (taps.length < stride) {
                taps = new double[stride];
            }
            for (int i = 0; i < n; i++) {
                double centre = (from + i + 0.5) * scale;
                int low = Math.max(0, (int) (centre - support + 0.5));
                int high = Math.min(in, (int) (centre + support + 0.5));
                double sum = 0;
                for (int k = low; k < high; k++) {
                    double tap = cubic((k - centre + 0.5) / widen);
                    taps[k - low] = tap;
                    sum += tap;
                }
                for (int k = 0; k < high - low; k++) {
                    weights[i * stride + k] = (float) (taps[k] / sum);
                }
                first[i] = low;
                count[i] = high - low;
            }
        }
    }

    static double cubic(double x) {
        double t = Math.abs(x);
        if (t < 1) {
            return ((A + 2) * t - (A + 3)) * t * t + 1;
        }
        return t < 2 ? (((t - 5) * t + 8) * t - 4) * A : 0;
    }

    /**
     * The window of the resized box as [rows, columns, channels] floats in 0..255. The array belongs to this object and holds
     * until the next call; it may be longer than needed.
     */
    float[] resize(RawImage image, Box box, Window window) {
        int channels = image.channels();
        int samples = box.width * channels;
        down.fill(box.height, window.height, window.top, window.rows);
        across.fill(box.width, window.width, window.left, window.columns);
        input = grown(input, box.height * samples);
        line = grown(line, samples);
        result = grown(result, window.rows * window.columns * channels);
        int firstRow = down.first[0];
        int lastRow = down.first[window.rows - 1] + down.count[window.rows - 1];
        for (int y = firstRow; y < lastRow; y++) {
            int from = ((box.y + y) * image.width() + box.x) * channels;
            int to = y * samples;
            for (int i = 0; i < samples; i++) {
                input[to + i] = image.pixels()[from + i] & 0xff;
            }
        }
        for (int y = 0; y < window.rows; y++) {
            addRows(y, samples);
            if (channels == 3) {
                columns3(y * window.columns * 3, window.columns);
            } else {
                columns1(y * window.columns, window.columns);
            }
        }
        return result;
    }

    /** line = weighted sum of input rows; the inner loop is over neighbours in memory, so that it becomes vector code. */
    private void addRows(int y, int samples) {
        float[] sum = line;
        float[] in = input;
        Arrays.fill(sum, 0, samples, 0);
        for (int k = 0; k < down.count[y]; k++) {
            float weight = down.weights[y * down.stride + k];
            int row = (down.first[y] + k) * samples;
            for (int i = 0; i < samples; i++) {
                sum[i] += weight * in[row + i];
            }
        }
    }

    private void columns1(int out, int columns) {
        for (int x = 0; x < columns; x++) {
            int w = x * across.stride;
            float sum = 0;
            for (int k = 0, i = across.first[x]; k < across.count[x]; k++, i++) {
                sum += across.weights[w + k] * line[i];
            }
            result[out + x] = clamp(sum);
        }
    }

    private void columns3(int out, int columns) {
        for (int x = 0, o = out; x < columns; x++, o += 3) {
            int w = x * across.stride;
            float red = 0;
            float green = 0;
            float blue = 0;
            for (int k = 0, i = 3 * across.first[x]; k < across.count[x]; k++, i += 3) {
                float weight = across.weights[w + k];
                red += weight * line[i];
                green += weight * line[i + 1];
                blue += weight * line[i + 2];
            }
            result[o] = clamp(red);
            result[o + 1] = clamp(green);
            result[o + 2] = clamp(blue);
        }
    }

    private static float clamp(float v) {
        return Math.min(255, Math.max(0, v));
    }

    private static float[] grown(float[] buffer, int size) {
        return buffer.length >= size ? buffer : new float[size];
    }
}
