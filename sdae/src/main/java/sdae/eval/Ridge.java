package sdae.eval;

import java.util.stream.IntStream;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.CholeskyDecomposition;
import org.apache.commons.math3.linear.RealMatrix;
import sdae.data.ImageSource;

/**
 * The quick probe: ridge regression of one-hot classes on standardised features, in closed form (Hoerl and Kennard 1970).
 *
 * <pre>W = (X^T X / n + lambda I)^-1 X^T Y / n</pre>
 *
 * Lambda is chosen on the validation images of {@link LinearProbe}. All in double.
 */
public final class Ridge {
    private static final double[] LAMBDAS = {1e-4, 1e-3, 1e-2, 1e-1, 1, 10};

    private Ridge() {}

    /** The chosen lambda, its validation score, and the test score that it leads to. */
    public record Result(double lambda, Score validation, Score test) {}

    /** Fits on the training features, chooses, tests. */
    public static Result run(ImageSource source, Features train, Features test, int classes) {
        LinearProbe.Parts parts = LinearProbe.Parts.of(source, train);
        Features fit = parts.fit();
        Standard standard = Standard.of(fit);
        double[][] x = standard.apply(fit);
        RealMatrix gram = new Array2DRowRealMatrix(Standard.gram(x), false);
        RealMatrix targets = new Array2DRowRealMatrix(targets(x, fit.labels(), classes), false);
        double[] means = new double[classes];
        for (int label : fit.labels()) {
            means[label] += 1.0 / fit.count();
        }
        double[][] chooses = standard.apply(parts.validation());
        Result best = null;
        RealMatrix bestWeights = null;
        for (double lambda : LAMBDAS) {
            RealMatrix shifted = gram.copy();
            for (int d = 0; d < fit.width(); d++) {
                shifted.addToEntry(d, d, lambda);
            }
            RealMatrix weights = new CholeskyDecomposition(shifted).getSolver().solve(targets);
            Score score =
                    Score.of(scores(chooses, weights, means), parts.validation().labels(), classes);
            if (best == null || score.top1() > best.validation.top1()) {
                best = new Result(lambda, score, null);
                bestWeights = weights;
            }
        }
        Score tested = Score.of(scores(standard.apply(test), bestWeights, means), test.labels(), classes);
        return new Result(best.lambda, best.validation, tested);
    }

    /** X^T (one-hot) / n; the columns of X have mean 0, so the intercept is the classes' shares. */
    private static double[][] targets(double[][] x, int[] labels, int classes) {
        int width = x[0].length;
        double[][] targets = new double[width][classes];
        for (int i = 0; i < x.length; i++) {
            for (int d = 0; d < width; d++) {
                targets[d][labels[i]] += x[i][d] / x.length;
            }
        }
        return targets;
    }

    private static float[] scores(double[][] x, RealMatrix weights, double[] means) {
        int classes = means.length;
        double[][] w = weights.getData();
        float[] scores = new float[x.length * classes];
        IntStream.range(0, x.length).parallel().forEach(i -> {
            for (int c = 0; c < classes; c++) {
                double sum = means[c];
                for (int d = 0; d < w.length; d++) {
                    sum += x[i][d] * w[d][c];
                }
                scores[i * classes + c] = (float) sum;
            }
        });
        return scores;
    }
}
