package sdae.eval;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.CholeskyDecomposition;
import org.apache.commons.math3.linear.RealMatrix;
import sdae.data.ImageSource;

/**
 * The other quick probe: multinomial logistic regression on standardised features, to its optimum.
 *
 * <pre>min  1/n sum_i -log softmax(W x_i + b)[y_i]  +  lambda / 2 |W|^2</pre>
 *
 * By L-BFGS on all rows at once, in double. Features of a network are strongly correlated, so it starts from the bound
 * H &lt;= (X^T X / n) / 2 + lambda of the Hessian (B&ouml;hning 1992) instead of the identity. Lambda is chosen on the validation
 * images of {@link LinearProbe}; each next one, from the largest down, starts where the one before ended.
 */
public final class Logistic {
    private static final double[] LAMBDAS = {1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6};
    private static final double TOLERANCE = 1e-6;
    private static final int ITERATIONS = 500;
    /** Parts of the rows whose sums are added in order: as many as threads can use, whatever their number. */
    private static final int PARTS = 32;

    private Logistic() {}

    /**
     * The chosen lambda with its validation and test score.
     *
     * @param evaluations of the loss, for all lambdas
     * @param converged whether every lambda's optimum was reached
     */
    public record Result(double lambda, Score validation, Score test, int evaluations, boolean converged) {}

    /** Fits on the training features, chooses, tests. */
    public static Result run(ImageSource source, Features train, Features test, int classes) {
        LinearProbe.Parts parts = LinearProbe.Parts.of(source, train);
        Features fit = parts.fit();
        Standard standard = Standard.of(fit);
        double[][] x = standard.apply(fit);
        double[][] chooses = standard.apply(parts.validation());
        double[][] gram = Standard.gram(x);
        double[] w = new double[classes * (fit.width() + 1)];
        double[] best = null;
        double lambda = 0;
        Score validation = null;
        int evaluations = 0;
        boolean converged = true;
        for (double each : LAMBDAS) {
            Lbfgs.Result end = Lbfgs.minimise(new Loss(x, fit.labels(), classes, each, gram), w, TOLERANCE, ITERATIONS);
            evaluations += end.evaluations();
            converged &= end.converged();
            Score score =
                    Score.of(scores(chooses, w, classes), parts.validation().labels(), classes);
            if (validation == null || score.top1() > validation.top1()) {
                lambda = each;
                validation = score;
                best = w.clone();
            }
        }
        Score tested = Score.of(scores(standard.apply(test), best, classes), test.labels(), classes);
        return new Result(lambda, validation, tested, evaluations, converged);
    }

    private static float[] scores(double[][] x, double[] w, int classes) {
        float[] scores = new float[x.length * classes];
        IntStream.range(0, x.length).parallel().forEach(i -> {
            double[] z = new double[classes];
            logits(z, w, x[i]);
            for (int c = 0; c < classes; c++) {
                scores[i * classes + c] = (float) z[c];
            }
        });
        return scores;
    }

    /** z [classes] of one row; w is [classes][width + 1], the bias last. */
    private static void logits(double[] z, double[] w, double[] row) {
        int width = row.length;
        for (int c = 0; c < z.length; c++) {
            int at = c * (width + 1);
            // four sums, so that additions need not wait for each other
            double s0 = w[at + width];
            double s1 = 0;
            double s2 = 0;
            double s3 = 0;
            int d = 0;
            for (; d + 3 < width; d += 4) {
                s0 += w[at + d] * row[d];
                s1 += w[at + d + 1] * row[d + 1];
                s2 += w[at + d + 2] * row[d + 2];
                s3 += w[at + d + 3] * row[d + 3];
            }
            for (; d < width; d++) {
                s0 += w[at + d] * row[d];
            }
            z[c] = (s0 + s1) + (s2 + s3);
        }
    }

    /** The function of w [classes][width + 1]. */
    static final class Loss implements Lbfgs.Function {
        private final double[][] x;
        private final int[] labels;
        private final int classes;
        private final int width;
        private final double lambda;
        private final CholeskyDecomposition bound;

        /** {@code gram} is X^T X / n, of columns with mean 0. */
        Loss(double[][] x, int[] labels, int classes, double lambda, double[][] gram) {
            this.x = x;
            this.labels = labels;
            this.classes = classes;
            this.width = x[0].length;
            this.lambda = lambda;
            RealMatrix half = new Array2DRowRealMatrix(gram).scalarMultiply(0.5);
            for (int d = 0; d < width; d++) {
                half.addToEntry(d, d, lambda);
            }
            bound = new CholeskyDecomposition(half);
        }

        private record Part(double value, double[] gradient) {}

        @Override
        public double at(double[] w, double[] gradient) {
            int parts = Math.min(PARTS, x.length);
            List<Part> sums = IntStream.range(0, parts)
                    .parallel()
                    .mapToObj(p ->
                            part(w, (int) ((long) p * x.length / parts), (int) ((long) (p + 1) * x.length / parts)))
                    .toList();
            Arrays.fill(gradient, 0);
            double value = 0;
            for (Part part : sums) {
                value += part.value;
                for (int i = 0; i < gradient.length; i++) {
                    gradient[i] += part.gradient[i];
                }
            }
            double squares = 0;
            for (int i = 0; i < gradient.length; i++) {
                double weight = i % (width + 1) == width ? 0 : w[i];
                gradient[i] = gradient[i] / x.length + lambda * weight;
                squares += weight * weight;
            }
            return value / x.length + lambda / 2 * squares;
        }

        private Part part(double[] w, int from, int to) {
            double[] gradient = new double[w.length];
            double[] z = new double[classes];
            double value = 0;
            for (int i = from; i < to; i++) {
                double[] row = x[i];
                logits(z, w, row);
                double most = Arrays.stream(z).max().orElseThrow();
                double sum = 0;
                double own = z[labels[i]];
                for (int c = 0; c < classes; c++) {
                    z[c] = Math.exp(z[c] - most);
                    sum += z[c];
                }
                value += Math.log(sum) + most - own;
                for (int c = 0; c < classes; c++) {
                    double p = z[c] / sum - (c == labels[i] ? 1 : 0);
                    int at = c * (width + 1);
                    for (int d = 0; d < width; d++) {
                        gradient[at + d] += p * row[d];
                    }
                    gradient[at + width] += p;
                }
            }
            return new Part(value, gradient);
        }

        /** The inverse of the bound: of half the Gram matrix and lambda for every class; of 1/2 for a bias. */
        @Override
        public void precondition(double[] v) {
            double[][] columns = new double[width][classes];
            for (int c = 0; c < classes; c++) {
                for (int d = 0; d < width; d++) {
                    columns[d][c] = v[c * (width + 1) + d];
                }
                v[c * (width + 1) + width] *= 2;
            }
            double[][] solved = bound.getSolver()
                    .solve(new Array2DRowRealMatrix(columns, false))
                    .getData();
            for (int c = 0; c < classes; c++) {
                for (int d = 0; d < width; d++) {
                    v[c * (width + 1) + d] = solved[d][c];
                }
            }
        }
    }
}
