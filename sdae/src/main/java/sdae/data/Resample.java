package sdae.data;

import java.lang.ref.Reference;
import org.bytedeco.javacpp.Pointer;
import sdae.kernels.Kernels;
import sdae.kernels.Native;

/**
 * Antialiased bicubic resize of a box of an image, as Pillow and torchvision do it: cubic kernel with a = -0.5 (Keys 1981),
 * widened by the shrink factor, weights normalised, samples outside the box left out. Rows first, then columns, in float;
 * results are clamped to 0..255 but not rounded to bytes. The native kernel works on the calling thread and gives the same bits
 * on every instruction set. Buffers are reused: one object a thread.
 */
final class Resample {
    private static final double A = -0.5;

    private final Taps down = new Taps();
    private final Taps across = new Taps();
    private final NativeBuffer pixels = new NativeBuffer();
    private final NativeBuffer planes = new NativeBuffer();
    private final NativeBuffer affine = new NativeBuffer();

    Resample() {
        Kernels.load();
    }

    /** The box of the image that is resized, in pixels. */
    record Box(int x, int y, int width, int height) {}

    /** A part of the resized box: the box becomes [height, width]; rows top.., columns left.. of it are wanted. */
    record Window(int width, int height, int left, int top, int columns, int rows) {
        static Window whole(int width, int height) {
            return new Window(width, height, 0, 0, width, height);
        }
    }

    /** The kernel's taps for each output of an axis: first input and number of inputs; {@code stride} weights each. */
    private static final class Taps {
        final NativeBuffer spans = new NativeBuffer();
        final NativeBuffer weights = new NativeBuffer();
        private double[] taps = new double[0];
        int stride;
        int begin;
        int end;

        void fill(int in, int out, int from, int n) {
            double scale = (double) in / out;
            double widen = Math.max(scale, 1);
            double support = 2 * widen;
            stride = (int) Math.ceil(support) * 2 + 1;
            spans.reserve(n, 2 * Integer.BYTES);
            weights.reserve(Math.multiplyExact(n, stride), Float.BYTES);
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
                    weights.floats.put(i * stride + k, (float) (taps[k] / sum));
                }
                spans.ints.put(2 * i, low);
                spans.ints.put(2 * i + 1, high - low);
                begin = i == 0 ? low : begin;
                end = high;
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
     * Writes the window of the resized box, mirrored left to right if asked, as [channels, rows, columns] at out[offset..]:
     * value * scale[c] + shift[c].
     */
    void resize(
            RawImage image,
            Box box,
            Window window,
            boolean mirrored,
            float[] scale,
            float[] shift,
            float[] out,
            int offset) {
        int channels = image.channels();
        down.fill(box.height, window.height, window.top, window.rows);
        across.fill(box.width, window.width, window.left, window.columns);
        int pitch = image.width() * channels;
        int corner = box.y * pitch + box.x * channels;
        long in;
        if (image.memory().isDirect()) {
            in = new Pointer(image.memory()).address() + corner;
        } else {
            byte[] array = image.pixels(); // short rows are copied faster from it than from a ByteBuffer
            int row = box.width * channels;
            pixels.reserve(down.end - down.begin, row);
            for (int y = down.begin; y < down.end; y++) {
                pixels.bytes.put((y - down.begin) * row, array, corner + y * pitch, row);
            }
            in = pixels.address - Math.multiplyExact(down.begin, row);
            pitch = row;
        }
        affine.reserve(2 * channels, Float.BYTES);
        affine.floats.put(0, scale, 0, channels).put(channels, shift, 0, channels);
        int count = channels * window.rows * window.columns;
        planes.reserve(count, Float.BYTES);
        try {
            Native.sk_resample(
                    planes.address,
                    in,
                    down.spans.address,
                    down.weights.address,
                    across.spans.address,
                    across.weights.address,
                    affine.address,
                    pitch,
                    channels,
                    window.rows,
                    window.columns,
                    down.stride,
                    across.stride,
                    mirrored ? 1 : 0);
        } finally {
            Reference.reachabilityFence(image); // the kernel has its memory by address only
        }
        planes.floats.get(0, out, offset, count);
    }
}
