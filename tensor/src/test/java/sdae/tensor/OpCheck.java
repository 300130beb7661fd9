package sdae.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import java.util.function.Function;
import sdae.kernels.Kernels;
import sdae.kernels.Native;

/**
 * One row of an op's test: inputs, the op, and a naive double function of the forward pass. {@link #run} checks, on every
 * instruction set of this CPU:
 *
 * <ul>
 *   <li>the output against the reference, in memory that was NaN before;
 *   <li>the gradient of every input against central differences of the reference;
 *   <li>that parameter gradients are added to, activation gradients written;
 *   <li>that an input used by two ops gets the sum of both gradients;
 *   <li>that a second run, and 2, 3 and 7 threads, give the same bits.
 * </ul>
 */
public final class OpCheck {
    /** What the op under test sees: activations and parameters, in the order of their declaration. */
    public static final class Inputs {
        private final List<Tensor> activations = new ArrayList<>();
        private final List<Parameter> parameters = new ArrayList<>();
        private Tape tape;

        public Tape tape() {
            return tape;
        }

        public Tensor x(int i) {
            return activations.get(i);
        }

        public Parameter param(int i) {
            return parameters.get(i);
        }
    }

    private record Input(int[] sizes, boolean parameter, float[] values) {}

    private record Result(float[] output, List<float[]> gradients) {}

    /** Entries of an input whose gradient is checked by differences; the others only by bits between runs. */
    private static final int CHECKED_ENTRIES = 40;

    private static final float GRAD_BEFORE = 0.5f;

    private final String name;
    private final List<Input> inputs = new ArrayList<>();
    private final Random random;
    private Function<Inputs, Tensor> kernel;
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
        inputs.add(new Input(sizes, false, values));
        return this;
    }

    /** A parameter with standard normal values. */
    public OpCheck param(int... sizes) {
        inputs.add(new Input(sizes, true, normal(sizes)));
        return this;
    }

    /** The op: from inputs on a tape to its output. */
    public OpCheck kernel(Function<Inputs, Tensor> op) {
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
        double[][] at = inputs.stream().map(i -> doubles(i.values())).toArray(double[][]::new);
        double[] expected = reference.apply(at);
        float[] dy = new float[expected.length];
        for (int i = 0; i < dy.length; i++) {
            dy[i] = (float) random.nextGaussian();
        }
        forEachIsa(isa -> {
            String label = name + " on " + isa;
            Result one = evaluate(dy, 1);
            assertClose(label + ": output", expected, one.output(), forwardTolerance);
            if (differentiable) {
                for (int i = 0; i < inputs.size(); i++) {
                    checkGradient(label, i, at, dy, one.gradients().get(i));
                }
                Result two = evaluate(dy, 2);
                for (int i = 0; i < inputs.size(); i++) {
                    double[] doubled = doubles(one.gradients().get(i));
                    for (int k = 0; k < doubled.length; k++) {
                        doubled[k] *= 2;
                    }
                    assertClose(
                            label + ": input " + i + " used twice",
                            doubled,
                            two.gradients().get(i),
                            gradientTolerance);
                }
            }
            for (int threads : new int[] {1, 2, 3, 7}) {
                withThreads(threads, () -> {
                    Result again = evaluate(dy, 1);
                    String where = label + ": " + threads + " threads";
                    assertArrayEquals(one.output(), again.output(), where);
                    for (int i = 0; differentiable && i < inputs.size(); i++) {
                        assertArrayEquals(
                                one.gradients().get(i), again.gradients().get(i), where + ", gradient " + i);
                    }
                });
            }
        });
    }

    /** Runs the op `uses` times on the same inputs in one step. */
    private Result evaluate(float[] dy, int uses) {
        Backend backend = new CpuBackend();
        Inputs in = new Inputs();
        List<Parameter> parameters = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
            if (inputs.get(i).parameter()) {
                parameters.add(new Parameter("p" + i, inputs.get(i).sizes()));
            }
        }
        in.parameters.addAll(parameters);
        var segment = new ParameterBuffer.Segment("all", true, parameters);
        try (ParameterBuffer buffer = new ParameterBuffer(backend, differentiable, List.of(segment));
                Arena arena = new Arena(backend, true);
                Tape tape = arena.open()) {
            in.tape = tape;
            backend.fill(buffer.grads(), GRAD_BEFORE);
            for (Input input : inputs) {
                if (!input.parameter()) {
                    Tensor x = tape.of(input.values(), input.sizes());
                    in.activations.add(differentiable ? tape.variable(x) : x);
                }
            }
            for (int i = 0, p = 0; i < inputs.size(); i++) {
                if (inputs.get(i).parameter()) {
                    parameters.get(p++).value().set(inputs.get(i).values());
                }
            }
            List<Tensor> outputs = new ArrayList<>();
            for (int u = 0; u < uses; u++) {
                outputs.add(kernel.apply(in));
            }
            float[] output = outputs.get(0).toFloats();
            if (!differentiable) {
                return new Result(output, List.of());
            }
            for (Tensor y : outputs) {
                tape.seed(y, tape.of(dy, y.shape().sizes()));
            }
            tape.backward();
            return new Result(output, gradients(in));
        }
    }

    private List<float[]> gradients(Inputs in) {
        List<float[]> gradients = new ArrayList<>();
        int x = 0;
        int p = 0;
        for (Input input : inputs) {
            if (input.parameter()) {
                float[] grad = in.parameters.get(p++).grad().toFloats();
                for (int k = 0; k < grad.length; k++) {
                    grad[k] -= GRAD_BEFORE;
                }
                gradients.add(grad);
            } else {
                Tensor gradient = in.tape.gradient(in.activations.get(x++));
                gradients.add(gradient == null ? new float[input.values().length] : gradient.toFloats());
            }
        }
        return gradients;
    }

    private void checkGradient(String label, int input, double[][] at, float[] dy, float[] actual) {
        int n = actual.length;
        int stride = Math.max(1, n / CHECKED_ENTRIES);
        double largest = 0;
        for (float g : actual) {
            largest = Math.max(largest, Math.abs(g));
        }
        for (int k = random.nextInt(stride); k < n; k += stride) {
            double expected = difference(at, input, k, dy);
            double allowed = gradientTolerance * Math.max(largest, Math.abs(expected)) + 1e-7;
            if (inputs.get(input).parameter()) {
                // grad - 0.5 has lost what 0.5 + grad rounds away
                allowed += 1e-7;
            }
            assertEquals(expected, actual[k], allowed, label + ": gradient of input " + input + " at " + k);
        }
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

    /** Largest difference at most tolerance times the largest expected value. */
    public static void assertClose(String label, double[] expected, float[] actual, double tolerance) {
        assertEquals(expected.length, actual.length, label + ": count");
        double largest = 1e-6;
        for (double e : expected) {
            largest = Math.max(largest, Math.abs(e));
        }
        for (int i = 0; i < expected.length; i++) {
            double error = Math.abs(expected[i] - actual[i]);
            assertTrue(
                    error <= tolerance * largest,
                    label + " at " + i + ": expected " + expected[i] + ", got " + actual[i] + ", off by " + error
                            + " of largest " + largest + ", allowed " + tolerance);
        }
    }

    /** Runs body on every instruction set that this CPU has (or on the one of SDAE_ISA). */
    public static void forEachIsa(Consumer<String> body) {
        String forced = System.getenv("SDAE_ISA");
        try {
            for (String isa : List.of("base", "avx2", "avx512")) {
                boolean wanted = forced == null || forced.isEmpty() || forced.equals("auto") || forced.equals(isa);
                if (wanted && Kernels.useIsa(isa)) {
                    body.accept(isa);
                }
            }
        } finally {
            Kernels.useIsa(forced == null || forced.isEmpty() ? "auto" : forced);
        }
    }

    /** Runs body with that many threads in the pool. */
    public static void withThreads(int threads, Runnable body) {
        int before = Native.sk_threads();
        Native.sk_set_threads(threads);
        try {
            body.run();
        } finally {
            Native.sk_set_threads(before);
        }
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
