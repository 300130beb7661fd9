package sdae.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The kernels that move parameters and running statistics, against the same formulas in double. */
class UpdateKernelTest {
    /** An in-place kernel on tensors with these values. */
    private interface Kernel {
        void run(Backend backend, Tape tape, Tensor[] state);
    }

    /** What a kernel makes of `before`, on every instruction set, with one bit pattern for every thread count. */
    private void check(double[][] expected, float[][] before, Kernel kernel) {
        TestDevices.forEachDevice((isa, backend) -> {
            List<float[]> first = new ArrayList<>();
            int[] counts = backend instanceof CpuBackend ? new int[] {1, 2, 3, 7} : new int[] {1};
            for (int threads : counts) {
                TestDevices.withThreads(threads, () -> {
                    try (Arena arena = new Arena(backend);
                            Tape tape = arena.open()) {
                        Tensor[] state = new Tensor[before.length];
                        for (int i = 0; i < state.length; i++) {
                            state[i] = tape.of(before[i], before[i].length);
                        }
                        kernel.run(backend, tape, state);
                        for (int i = 0; i < state.length; i++) {
                            String where = isa + ", " + threads + " threads, tensor " + i;
                            float[] after = state[i].toFloats();
                            Tolerance.assertClose(where, expected[i], after, 1e-6);
                            if (threads == 1) {
                                first.add(after);
                            } else {
                                assertArrayEquals(first.get(i), after, where);
                            }
                        }
                    }
                });
            }
        });
    }

    private static void adamw(Backend backend, Tape tape, Tensor[] s, float[] grad, float[] hyper) {
        Tensor g = tape.of(grad, grad.length);
        backend.adamw(s[0], null, s[1], s[2], g, null, null, tape.of(hyper, hyper.length), null);
        assertArrayEquals(new float[grad.length], g.toFloats(), "the gradient is cleared");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 31, 32, 33, 768, 200_003})
    void adamwIsTheFormula(int n) {
        float[] param = normal(n, 1);
        float[] m = normal(n, 2);
        float[] v = normal(n, 3);
        float[] grad = normal(n, 4);
        for (int i = 0; i < n; i++) {
            v[i] *= v[i];
        }
        float[] h = {1e-2f, 0.9f, 0.95f, 1e-8f, 0.4f, 0.271f, 0.142625f, 0.5f};
        double[][] expected = new double[3][n];
        for (int i = 0; i < n; i++) {
            double g = h[7] * (double) grad[i];
            double m1 = h[1] * (double) m[i] + (1.0 - h[1]) * g;
            double v1 = h[2] * (double) v[i] + (1.0 - h[2]) * g * g;
            double step = h[0] / (double) h[5] * m1 / (Math.sqrt(v1) / Math.sqrt(h[6]) + h[3]);
            expected[0][i] = param[i] * (1 - h[0] * (double) h[4]) - step;
            expected[1][i] = m1;
            expected[2][i] = v1;
        }
        check(expected, new float[][] {param, m, v}, (backend, tape, s) -> adamw(backend, tape, s, grad, h));
    }

    @Test
    void adamwOfAZeroGradientOnlyDecays() {
        float[] h = {0.1f, 0.9f, 0.95f, 1e-8f, 0.5f, 0.1f, 0.05f, 1};
        check(
                new double[][] {{0.95, -1.9}, {0, 0}, {0, 0}},
                new float[][] {{1, -2}, {0, 0}, {0, 0}},
                (backend, tape, s) -> adamw(backend, tape, s, new float[2], h));
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 31, 32, 33, 768, 200_003})
    void larsIsTheFormula(int n) {
        float[] param = normal(n, 5);
        float[] mu = normal(n, 6);
        float[] grad = normal(n, 7);
        float[] h = {0.1f, 0.9f, 0.02f, 0.3f};
        for (boolean adapt : new boolean[] {true, false}) {
            double[] g = new double[n];
            double params = 0;
            double grads = 0;
            for (int i = 0; i < n; i++) {
                g[i] = grad[i] + (adapt ? h[3] * (double) param[i] : 0);
                params += param[i] * (double) param[i];
                grads += g[i] * g[i];
            }
            double factor = adapt ? h[2] * Math.sqrt(params / grads) : 1;
            double[][] expected = new double[2][n];
            for (int i = 0; i < n; i++) {
                expected[1][i] = h[1] * (double) mu[i] + factor * g[i];
                expected[0][i] = param[i] - h[0] * expected[1][i];
            }
            check(
                    expected,
                    new float[][] {param, mu},
                    (backend, tape, s) -> backend.lars(s[0], s[1], tape.of(grad, n), tape.of(h, 4), adapt));
        }
    }

    @Test
    void larsOfAZeroNormDoesNotScale() {
        float[] h = {0.5f, 0, 0.001f, 0};
        check(
                new double[][] {{-1, -2}, {2, 4}},
                new float[][] {{0, 0}, {0, 0}},
                (backend, tape, s) -> backend.lars(s[0], s[1], tape.of(new float[] {2, 4}, 2), tape.of(h, 4), true));
        check(
                new double[][] {{1, -2}, {0, 0}},
                new float[][] {{1, -2}, {0, 0}},
                (backend, tape, s) -> backend.lars(s[0], s[1], tape.of(new float[2], 2), tape.of(h, 4), true));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 31, 32, 33, 768, 200_003})
    void emaMovesTheTeacherTowardsTheStudent(int n) {
        float[] teacher = normal(n, 8);
        float[] student = normal(n, 9);
        double[] expected = new double[n];
        for (int i = 0; i < n; i++) {
            expected[i] = 0.96f * (double) teacher[i] + (1.0 - 0.96f) * student[i];
        }
        check(new double[][] {expected}, new float[][] {teacher}, (backend, tape, s) -> {
            backend.ema(s[0], null, tape.of(student, n), tape.of(new float[] {0.96f}, 1));
        });
    }

    @Test
    void emaOfEqualWeightsKeepsTheirBits() {
        float[] weights = normal(1000, 10);
        TestDevices.forEachDevice((where, backend) -> {
            try (Arena arena = new Arena(backend);
                    Tape tape = arena.open()) {
                Tensor teacher = tape.of(weights, 1000);
                backend.ema(teacher, null, tape.of(weights, 1000), tape.of(new float[] {0.99f}, 1));
                assertArrayEquals(weights, teacher.toFloats(), where);
            }
        });
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 31, 65})
    void batchNormMovesRunningValuesInTrainingAndUsesThemInEvaluation(int cols) {
        int rows = 130;
        float[] x = normal(rows * cols, 11);
        float[] runningMean = normal(cols, 12);
        float[] runningVar = normal(cols, 13);
        double[][] moved = new double[2][cols];
        double[][] kept = new double[2][cols];
        double[] evaluated = new double[rows * cols];
        for (int c = 0; c < cols; c++) {
            runningVar[c] = Math.abs(runningVar[c]) + 0.1f;
            double mean = 0;
            double squares = 0;
            for (int r = 0; r < rows; r++) {
                mean += x[r * cols + c] / (double) rows;
            }
            for (int r = 0; r < rows; r++) {
                squares += Math.pow(x[r * cols + c] - mean, 2);
                evaluated[r * cols + c] = (x[r * cols + c] - runningMean[c]) / Math.sqrt(runningVar[c] + 1e-6);
            }
            moved[0][c] = 0.9 * runningMean[c] + 0.1 * mean;
            moved[1][c] = 0.9 * runningVar[c] + 0.1 * squares / (rows - 1);
            kept[0][c] = runningMean[c];
            kept[1][c] = runningVar[c];
        }
        float[][] before = {runningMean, runningVar};
        check(moved, before, (backend, tape, s) -> batchNorm(backend, tape, s, x, rows, true));
        check(
                kept,
                before,
                (backend, tape, s) ->
                        Tolerance.assertClose("y", evaluated, batchNorm(backend, tape, s, x, rows, false), 1e-6));
    }

    private static float[] batchNorm(
            Backend backend, Tape tape, Tensor[] running, float[] x, int rows, boolean training) {
        int cols = x.length / rows;
        Tensor y = tape.empty(DType.F32, rows, cols);
        Tensor mean = tape.empty(DType.F32, cols);
        Tensor rstd = tape.empty(DType.F32, cols);
        backend.batchNormForward(y, mean, rstd, running[0], running[1], tape.of(x, rows, cols), 1e-6f, 0.1f, training);
        return y.toFloats();
    }

    private static float[] normal(int n, long seed) {
        Random random = new Random(seed);
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }
}
