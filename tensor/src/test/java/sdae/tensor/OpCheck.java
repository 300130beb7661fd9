package sdae.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * One row of an op's test: inputs, the op, and a naive double function of the forward pass. {@link #run} checks, on every
 * instruction set of this CPU and on every other device ({@link TestDevices}):
 *
 * <ul>
 *   <li>the output against the reference, in memory that was NaN before;
 *   <li>the gradient of every input against central differences of the reference;
 *   <li>that parameter gradients are added to, activation gradients written;
 *   <li>that an input used by two ops gets the sum of both gradients;
 *   <li>that a second run, and 2, 3 and 7 threads, give the same bits.
 * </ul>
 *
 * In BF16, all of it again with rounded inputs: a kernel may be off by twice what the composition of F32 kernels on BF16 tensors
 * is off, and one unit in the last place of the largest value.
 */
public final class OpCheck {
    /** The reference's output, and its gradient at some entries of each input. */
    private record Expected(double[] output, int[][] entries, double[][] gradients) {}

    private record Result(float[] output, List<float[]> gradients) {}

    /** Entries of an input whose gradient is checked by differences; the others only by bits between runs. */
    private static final int CHECKED_ENTRIES = 40;

    private static final float GRAD_BEFORE = 0.5f;

    private final String name;
    private final List<OpInputs.Input> inputs = new ArrayList<>();
    private final Random random;
    private Function<OpInputs, Tensor> kernel;
    private Function<double[][], double[]> reference;
    private double forwardTolerance = Tolerance.F32_FORWARD;
    private double gradientTolerance = Tolerance.F32_GRADIENT;
    private boolean differentiable = true;

    private OpCheck(String name) {
        this.name = name;
        this.random = new Random(name.hashCode());
    }

    public static OpCheck op(String name) {
        return new OpCheck(name);
    }

    /** An activation with standard normal values. */
    public OpCheck x(int... sizes) {
        return x(sizes, normal(sizes));
    }

    /** An activation with these values. */
    public OpCheck x(int[] sizes, float[] values) {
        inputs.add(new OpInputs.Input(sizes, OpInputs.Kind.ACTIVATION, values));
        return this;
    }

    /** An input that is F32 on every device. */
    public OpCheck pixels(int... sizes) {
        inputs.add(new OpInputs.Input(sizes, OpInputs.Kind.PIXELS, normal(sizes)));
        return this;
    }

    /** A parameter with standard normal values. */
    public OpCheck param(int... sizes) {
        inputs.add(new OpInputs.Input(sizes, OpInputs.Kind.PARAMETER, normal(sizes)));
        return this;
    }

    /** The op: from inputs on a tape to its output. */
    public OpCheck kernel(Function<OpInputs, Tensor> op) {
        kernel = op;
        return this;
    }

    /** The same in plain double arithmetic: flat inputs in the order of their declaration, flat output. */
    public OpCheck reference(Function<double[][], double[]> function) {
        reference = function;
        return this;
    }

    /** A looser row; say at the call why, with the measured error. */
    public OpCheck tolerance(double forward, double gradient) {
        forwardTolerance = forward;
        gradientTolerance = gradient;
        return this;
    }

    /** The op has no gradient. */
    public OpCheck forwardOnly() {
        differentiable = false;
        return this;
    }

    public void run() {
        Expected f32 = expected(inputs, null);
        float[] dy = normal(f32.output.length);
        Expected all = expected(inputs, dy);
        TestDevices.forEachIsa(isa -> {
            Backend cpu = new CpuBackend();
            Result one = checkF32(name + " on " + isa, cpu, all, dy);
            eachThreadCount(name + " on " + isa, one, cpu, inputs, dy, DType.F32);
            checkBf16(name + " on " + isa + ", bf16", Devices.open("cpu"));
        });
        for (Backend device : TestDevices.others()) {
            String label = name + " on " + device.name();
            same(label, checkF32(label, device, all, dy), device, inputs, dy, DType.F32);
            checkBf16(label + ", bf16", device);
        }
    }

    private void eachThreadCount(
            String label, Result one, Backend backend, List<OpInputs.Input> given, float[] dy, DType dtype) {
        for (int threads : new int[] {1, 2, 3, 7}) {
            TestDevices.withThreads(
                    threads, () -> same(label + ", " + threads + " threads", one, backend, given, dy, dtype));
        }
    }

    private void same(String label, Result one, Backend backend, List<OpInputs.Input> given, float[] dy, DType dtype) {
        Result again = evaluate(backend, dtype, given, dy, 1);
        assertArrayEquals(one.output, again.output, label);
        for (int i = 0; i < one.gradients.size(); i++) {
            assertArrayEquals(one.gradients.get(i), again.gradients.get(i), label + ", gradient " + i);
        }
    }

    private Result checkF32(String label, Backend backend, Expected expected, float[] dy) {
        Result one = evaluate(backend, DType.F32, inputs, dy, 1);
        Tolerance.assertClose(label + ": output", expected.output, one.output, forwardTolerance);
        if (differentiable) {
            for (int i = 0; i < inputs.size(); i++) {
                // grad - 0.5 has lost what 0.5 + grad rounds away
                double lost = inputs.get(i).parameter() ? 2e-7 : 1e-7;
                double allowed = gradientTolerance * largest(expected.gradients[i], one.gradients.get(i)) + lost;
                assertGradient(label, i, expected, one, allowed);
            }
            checkTwice(label, one, evaluate(backend, DType.F32, inputs, dy, 2), gradientTolerance);
        }
        return one;
    }

    private void checkBf16(String label, Backend backend) {
        List<OpInputs.Input> rounded =
                inputs.stream().map(OpInputs.Input::rounded).toList();
        float[] dy = rounded(normal(expected(rounded, null).output.length));
        Expected expected = expected(rounded, dy);
        Result yardstick = evaluate(Bf16Composition.of(new CpuBackend()), DType.BF16, rounded, dy, 1);
        Result one = evaluate(backend, DType.BF16, rounded, dy, 1);
        double[] output = expected.output;
        double off = 0;
        for (int k = 0; k < output.length; k++) {
            off = Math.max(off, Math.abs(output[k] - yardstick.output[k]));
        }
        double largest = largest(output, one.output);
        Tolerance.assertClose(label + ": output", output, one.output, 2 * off / largest + Tolerance.BF16_ROUNDING);
        if (differentiable) {
            for (int i = 0; i < inputs.size(); i++) {
                double error = gradientError(i, expected, yardstick);
                double scale = largest(expected.gradients[i], one.gradients.get(i));
                // what is left where values of size 1 cancel
                double lost = 1e-6;
                assertGradient(label, i, expected, one, 2 * error + Tolerance.BF16_ROUNDING * scale + lost);
            }
            checkTwice(label, one, evaluate(backend, DType.BF16, rounded, dy, 2), Tolerance.BF16_ROUNDING);
        }
        if (backend.name().equals("cpu")) {
            eachThreadCount(label, one, backend, rounded, dy, DType.BF16);
        }
    }

    private void checkTwice(String label, Result one, Result two, double tolerance) {
        assertArrayEquals(one.output, two.output, label + ": output of the first of two uses");
        for (int i = 0; i < inputs.size(); i++) {
            double[] doubled = doubles(one.gradients.get(i));
            for (int k = 0; k < doubled.length; k++) {
                doubled[k] *= 2;
            }
            Tolerance.assertClose(label + ": input " + i + " used twice", doubled, two.gradients.get(i), tolerance);
        }
    }

    private static void assertGradient(String label, int input, Expected expected, Result actual, double allowed) {
        for (int e = 0; e < expected.entries[input].length; e++) {
            int k = expected.entries[input][e];
            String where = label + ": gradient of input " + input + " at " + k;
            assertEquals(expected.gradients[input][e], actual.gradients.get(input)[k], allowed, where);
        }
    }

    private static double gradientError(int input, Expected expected, Result actual) {
        double error = 0;
        for (int e = 0; e < expected.entries[input].length; e++) {
            float got = actual.gradients.get(input)[expected.entries[input][e]];
            error = Math.max(error, Math.abs(expected.gradients[input][e] - got));
        }
        return error;
    }

    private static double largest(double[] a, float[] b) {
        double largest = 1e-6;
        for (double v : a) {
            largest = Math.max(largest, Math.abs(v));
        }
        for (float v : b) {
            largest = Math.max(largest, Math.abs(v));
        }
        return largest;
    }

    /** Runs the op `uses` times on the same inputs in one step. */
    private Result evaluate(Backend backend, DType dtype, List<OpInputs.Input> given, float[] dy, int uses) {
        OpInputs in = new OpInputs(dtype, given);
        var segment = new ParameterBuffer.Segment("all", true, in.parameters());
        try (ParameterBuffer buffer = new ParameterBuffer(backend, differentiable, List.of(segment), dtype);
                Arena arena = new Arena(backend, true);
                Tape tape = arena.open()) {
            backend.fill(buffer.grads(), GRAD_BEFORE);
            in.fill(tape, differentiable);
            buffer.round();
            List<Tensor> outputs = new ArrayList<>();
            for (int u = 0; u < uses; u++) {
                outputs.add(kernel.apply(in));
            }
            float[] output = outputs.get(0).toFloats();
            if (!differentiable) {
                return new Result(output, List.of());
            }
            for (Tensor y : outputs) {
                tape.seed(y, tape.empty(y.dtype(), y.shape()).set(dy));
            }
            tape.backward();
            return new Result(output, in.gradients(GRAD_BEFORE));
        }
    }

    /** The reference at these inputs; without dy, its output alone. */
    private Expected expected(List<OpInputs.Input> given, float[] dy) {
        double[][] at = given.stream().map(i -> doubles(i.values())).toArray(double[][]::new);
        int[][] entries = new int[at.length][0];
        double[][] gradients = new double[at.length][0];
        for (int i = 0; differentiable && dy != null && i < at.length; i++) {
            int n = at[i].length;
            int stride = Math.max(1, n / CHECKED_ENTRIES);
            int first = random.nextInt(stride);
            entries[i] = IntStream.iterate(first, k -> k < n, k -> k + stride).toArray();
            gradients[i] = new double[entries[i].length];
            for (int e = 0; e < entries[i].length; e++) {
                gradients[i][e] = difference(at, i, entries[i][e], dy);
            }
        }
        return new Expected(reference.apply(at), entries, gradients);
    }

    private double difference(double[][] at, int input, int k, float[] dy) {
        double x = at[input][k];
        double h = 1e-4 * Math.max(1, Math.abs(x));
        double[] slope = new double[2];
        // Richardson's step: the error of order h^2 cancels
        for (int level = 0; level < 2; level++) {
            double step = h / (level + 1);
            at[input][k] = x + step;
            double above = dot(reference.apply(at), dy);
            at[input][k] = x - step;
            double below = dot(reference.apply(at), dy);
            slope[level] = (above - below) / (2 * step);
        }
        at[input][k] = x;
        return (4 * slope[1] - slope[0]) / 3;
    }

    private static double dot(double[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    /** Rounded to BF16, to nearest even. */
    public static float[] rounded(float[] values) {
        float[] rounded = new float[values.length];
        for (int i = 0; i < values.length; i++) {
            int bits = Float.floatToRawIntBits(values[i]);
            rounded[i] = Float.intBitsToFloat((bits + 0x7FFF + (bits >>> 16 & 1)) & 0xFFFF0000);
        }
        return rounded;
    }

    public static double[] doubles(float[] values) {
        double[] result = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = values[i];
        }
        return result;
    }

    private float[] normal(int... sizes) {
        float[] values = new float[Shape.of(sizes).count()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
