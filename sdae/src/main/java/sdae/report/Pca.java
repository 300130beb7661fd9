package sdae.report;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.EigenDecomposition;

/**
 * Principal components of many tokens by subspace iteration with Rayleigh-Ritz (Halko, Martinsson, Tropp 2011,
 * arXiv:0909.4061): a few passes over the data instead of the eigenvectors of a 1280 x 1280 covariance, which take seconds.
 */
final class Pca {
    /** Extra directions: they make the wanted ones converge by the gap to the ninth component, not to the fourth. */
    private static final int SPARE = 6;

    private static final int ROUNDS = 40;

    private Pca() {}

    /**
     * The scores of the {@code count} strongest components, [count, n]; each is centred. The sign of a component makes its
     * largest weight positive.
     *
     * @param tokens [n, dim]
     */
    static double[][] scores(float[] tokens, int dim, int count) {
        double[][] centred = centre(tokens, dim);
        int wide = Math.min(dim, count + SPARE);
        double[][] basis = start(wide, dim);
        double[][] projected = project(centred, basis);
        double change = Double.POSITIVE_INFINITY;
        double before = 0;
        for (int round = 0; round < ROUNDS && change > 1e-10; round++) {
            basis = orthonormal(back(centred, projected, dim));
            projected = project(centred, basis);
            double after = Arrays.stream(projected).mapToDouble(Pca::square).sum();
            change = Math.abs(after - before) / Math.max(after, 1e-300);
            before = after;
        }
        EigenDecomposition small = new EigenDecomposition(new Array2DRowRealMatrix(gram(projected), false));
        Integer[] order = new Integer[wide];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Double.compare(small.getRealEigenvalue(b), small.getRealEigenvalue(a)));
        double[][] scores = new double[count][];
        for (int k = 0; k < count; k++) {
            double[] mix = small.getEigenvector(order[k]).toArray();
            double sign = Math.signum(largest(combine(basis, mix)));
            scores[k] = combine(projected, mix);
            for (int i = 0; i < scores[k].length; i++) {
                scores[k][i] *= sign;
            }
        }
        return scores;
    }

    /** Values from their 1st to their 99th percentile as 0..1, the rest cut off; all 0.5 when those differ by {@code noise} or less. */
    static double[] spread(double[] values, double noise) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int cut = sorted.length / 100;
        double low = sorted[cut];
        double high = sorted[sorted.length - 1 - cut];
        if (high - low <= noise) {
            return Arrays.stream(values).map(v -> 0.5).toArray();
        }
        return Arrays.stream(values)
                .map(v -> Math.max(0, Math.min(1, (v - low) / (high - low))))
                .toArray();
    }

    private static double[][] centre(float[] tokens, int dim) {
        int n = tokens.length / dim;
        double[] mean = new double[dim];
        for (int i = 0; i < tokens.length; i++) {
            if (!Float.isFinite(tokens[i])) {
                throw new IllegalArgumentException(
                        "pcaMap: tokens must be finite, but token " + i / dim + " holds " + tokens[i]);
            }
            mean[i % dim] += tokens[i] / (double) n;
        }
        double[][] centred = new double[n][dim];
        for (int i = 0; i < tokens.length; i++) {
            centred[i / dim][i % dim] = tokens[i] - mean[i % dim];
        }
        return centred;
    }

    private static double[][] start(int wide, int dim) {
        SplittableRandom random = new SplittableRandom(7);
        double[][] basis = new double[wide][dim];
        for (double[] direction : basis) {
            Arrays.setAll(direction, i -> random.nextDouble() - 0.5);
        }
        return orthonormal(basis);
    }

    /** [wide, n]: each direction's product with each row. */
    private static double[][] project(double[][] rows, double[][] basis) {
        double[][] result = new double[basis.length][rows.length];
        for (int k = 0; k < basis.length; k++) {
            for (int i = 0; i < rows.length; i++) {
                result[k][i] = dot(basis[k], rows[i]);
            }
        }
        return result;
    }

    /** [wide, dim]: the rows summed by each direction's products. */
    private static double[][] back(double[][] rows, double[][] projected, int dim) {
        double[][] result = new double[projected.length][dim];
        for (int k = 0; k < projected.length; k++) {
            for (int i = 0; i < rows.length; i++) {
                add(result[k], projected[k][i], rows[i]);
            }
        }
        return result;
    }

    /** Gram-Schmidt, twice, in place; a direction that vanishes stays zero. */
    private static double[][] orthonormal(double[][] basis) {
        for (int k = 0; k < basis.length; k++) {
            double size = Math.sqrt(square(basis[k]));
            for (int pass = 0; pass < 2; pass++) {
                for (int j = 0; j < k; j++) {
                    add(basis[k], -dot(basis[j], basis[k]), basis[j]);
                }
            }
            double left = Math.sqrt(square(basis[k]));
            double scale = left > 1e-12 * size ? 1 / left : 0;
            for (int i = 0; i < basis[k].length; i++) {
                basis[k][i] *= scale;
            }
        }
        return basis;
    }

    private static double[][] gram(double[][] rows) {
        double[][] result = new double[rows.length][rows.length];
        for (int i = 0; i < rows.length; i++) {
            for (int j = 0; j <= i; j++) {
                result[i][j] = dot(rows[i], rows[j]);
                result[j][i] = result[i][j];
            }
        }
        return result;
    }

    private static double[] combine(double[][] rows, double[] mix) {
        double[] result = new double[rows[0].length];
        for (int k = 0; k < rows.length; k++) {
            add(result, mix[k], rows[k]);
        }
        return result;
    }

    /** The number of the largest size; of equal ones the first. */
    private static double largest(double[] values) {
        double most = 0;
        for (double value : values) {
            most = Math.abs(value) > Math.abs(most) * (1 + 1e-9) ? value : most;
        }
        return most;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private static double square(double[] a) {
        return dot(a, a);
    }

    private static void add(double[] to, double factor, double[] from) {
        for (int i = 0; i < to.length; i++) {
            to[i] += factor * from[i];
        }
    }
}
