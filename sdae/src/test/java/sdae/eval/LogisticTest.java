package sdae.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import java.util.concurrent.ForkJoinPool;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.CholeskyDecomposition;
import org.junit.jupiter.api.Test;

class LogisticTest {
    private static final int ROWS = 150;
    private static final int WIDTH = 5;
    private static final int CLASSES = 3;

    /** Standardised columns, strongly correlated, and noisy labels. */
    private static double[][] rows(int[] labels) {
        Random random = new Random(7);
        float[] values = new float[ROWS * WIDTH];
        for (int i = 0; i < ROWS; i++) {
            labels[i] = random.nextInt(CLASSES);
            double shared = random.nextGaussian();
            for (int d = 0; d < WIDTH; d++) {
                values[i * WIDTH + d] =
                        (float) (shared + 0.3 * random.nextGaussian() + (d % CLASSES == labels[i] ? 0.4 : 0) + 3 * d);
            }
        }
        Features features = new Features(values, new int[ROWS], labels, new long[ROWS], WIDTH);
        return Standard.of(features).apply(features);
    }

    private static Logistic.Loss loss(double[][] x, int[] labels, double lambda) {
        return new Logistic.Loss(x, labels, CLASSES, lambda, Standard.gram(x));
    }

    /** The definition, term by term, with the bias last in each class. */
    private static double naive(double[] w, double[][] x, int[] labels, double lambda) {
        double value = 0;
        for (int i = 0; i < x.length; i++) {
            double[] z = new double[CLASSES];
            double sum = 0;
            for (int c = 0; c < CLASSES; c++) {
                z[c] = w[c * (WIDTH + 1) + WIDTH];
                for (int d = 0; d < WIDTH; d++) {
                    z[c] += w[c * (WIDTH + 1) + d] * x[i][d];
                }
                sum += Math.exp(z[c]);
            }
            value -= Math.log(Math.exp(z[labels[i]]) / sum) / x.length;
        }
        for (int c = 0; c < CLASSES; c++) {
            for (int d = 0; d < WIDTH; d++) {
                value += lambda / 2 * Math.pow(w[c * (WIDTH + 1) + d], 2);
            }
        }
        return value;
    }

    private static double[] somewhere() {
        Random random = new Random(3);
        return random.doubles(CLASSES * (WIDTH + 1), -1, 1).toArray();
    }

    @Test
    void valueAndGradientAreThoseOfTheDefinition() {
        int[] labels = new int[ROWS];
        double[][] x = rows(labels);
        double[] w = somewhere();
        double[] gradient = new double[w.length];
        double value = loss(x, labels, 0.03).at(w, gradient);
        assertEquals(naive(w, x, labels, 0.03), value, 1e-13);
        for (int i = 0; i < w.length; i++) {
            double h = 1e-5;
            double[] up = w.clone();
            double[] down = w.clone();
            up[i] += h;
            down[i] -= h;
            double slope = (naive(up, x, labels, 0.03) - naive(down, x, labels, 0.03)) / (2 * h);
            assertEquals(slope, gradient[i], 1e-9, "component " + i);
        }
    }

    /** Newton's method with the Hessian from differences of the definition's gradient shares no code with L-BFGS. */
    @Test
    void theOptimumIsNewtons() {
        int[] labels = new int[ROWS];
        double[][] x = rows(labels);
        for (double lambda : new double[] {1e-1, 1e-3, 1e-6}) {
            double[] w = new double[CLASSES * (WIDTH + 1)];
            Lbfgs.Result end = Lbfgs.minimise(loss(x, labels, lambda), w, 1e-9, 500);
            assertTrue(end.converged(), end.toString());
            assertTrue(end.evaluations() < 60, "preconditioned, it takes few steps: " + end);
            double[] newton = newton(x, labels, lambda);
            assertEquals(naive(newton, x, labels, lambda), end.value(), 1e-12);
            for (int c = 0; c < CLASSES; c++) {
                for (int d = 0; d < WIDTH; d++) {
                    int i = c * (WIDTH + 1) + d;
                    assertEquals(newton[i], w[i], 1e-4, "lambda " + lambda);
                }
            }
        }
    }

    private static double[] newton(double[][] x, int[] labels, double lambda) {
        int size = CLASSES * (WIDTH + 1);
        double[] w = new double[size];
        for (int step = 0; step < 30; step++) {
            double[] g = new double[size];
            double[][] h = new double[size][size];
            for (int i = 0; i < x.length; i++) {
                double[] p = new double[CLASSES];
                double sum = 0;
                for (int c = 0; c < CLASSES; c++) {
                    p[c] = w[c * (WIDTH + 1) + WIDTH];
                    for (int d = 0; d < WIDTH; d++) {
                        p[c] += w[c * (WIDTH + 1) + d] * x[i][d];
                    }
                    p[c] = Math.exp(p[c]);
                    sum += p[c];
                }
                for (int a = 0; a < size; a++) {
                    int ca = a / (WIDTH + 1);
                    double xa = a % (WIDTH + 1) == WIDTH ? 1 : x[i][a % (WIDTH + 1)];
                    g[a] += (p[ca] / sum - (ca == labels[i] ? 1 : 0)) * xa / x.length;
                    for (int b = 0; b < size; b++) {
                        int cb = b / (WIDTH + 1);
                        double xb = b % (WIDTH + 1) == WIDTH ? 1 : x[i][b % (WIDTH + 1)];
                        h[a][b] += p[ca] / sum * ((ca == cb ? 1 : 0) - p[cb] / sum) * xa * xb / x.length;
                    }
                }
            }
            for (int a = 0; a < size; a++) {
                boolean bias = a % (WIDTH + 1) == WIDTH;
                g[a] += bias ? 0 : lambda * w[a];
                // biases are free up to a constant, which a little of anything fixes
                h[a][a] += bias ? 1e-9 : lambda;
            }
            double[] move = new CholeskyDecomposition(new Array2DRowRealMatrix(symmetric(h)))
                    .getSolver()
                    .getInverse()
                    .operate(g);
            for (int a = 0; a < size; a++) {
                w[a] -= move[a];
            }
        }
        return w;
    }

    private static double[][] symmetric(double[][] h) {
        for (int a = 0; a < h.length; a++) {
            for (int b = 0; b < a; b++) {
                h[a][b] = h[b][a];
            }
        }
        return h;
    }

    @Test
    void threadsChangeNoBit() throws Exception {
        int[] labels = new int[ROWS];
        double[][] x = rows(labels);
        double[][] ends = new double[2][];
        for (int t = 0; t < 2; t++) {
            double[] w = new double[CLASSES * (WIDTH + 1)];
            ForkJoinPool pool = new ForkJoinPool(t == 0 ? 1 : 5);
            try {
                pool.submit(() -> Lbfgs.minimise(loss(x, labels, 1e-3), w, 1e-8, 500))
                        .get();
            } finally {
                pool.shutdown();
            }
            ends[t] = w;
        }
        assertArrayEquals(ends[0], ends[1]);
    }

    /** Condition 1e6, no preconditioner: only the curvature pairs can help. */
    @Test
    void aBadlyScaledQuadraticIsSolved() {
        double[] scale = {1, 1e2, 1e4, 1e6};
        double[] x = new double[4];
        Lbfgs.Result end = Lbfgs.minimise(
                new Lbfgs.Function() {
                    @Override
                    public double at(double[] at, double[] gradient) {
                        double value = 0;
                        for (int i = 0; i < 4; i++) {
                            gradient[i] = scale[i] * (at[i] - i - 1);
                            value += scale[i] / 2 * Math.pow(at[i] - i - 1, 2);
                        }
                        return value;
                    }

                    @Override
                    public void precondition(double[] v) {}
                },
                x,
                1e-8,
                200);
        assertTrue(end.converged(), end.toString());
        assertArrayEquals(new double[] {1, 2, 3, 4}, x, 1e-7);
    }
}
