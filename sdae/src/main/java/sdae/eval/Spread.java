package sdae.eval;

import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.EigenDecomposition;

/** How much features still tell apart: what falls when a teacher collapses, while the loss looks better than ever. */
public final class Spread {
    private Spread() {}

    /** The standard deviation of each channel over the rows [count, width], averaged over channels. */
    public static double deviation(float[] rows, int width) {
        return deviation(rows, 0, rows.length / width, width);
    }

    /** The same within each group of {@code each} consecutive rows, averaged over groups. */
    public static double deviationWithin(float[] rows, int each, int width) {
        int groups = rows.length / (each * width);
        double sum = 0;
        for (int g = 0; g < groups; g++) {
            sum += deviation(rows, g * each, each, width);
        }
        return sum / groups;
    }

    private static double deviation(float[] rows, int first, int count, int width) {
        double sum = 0;
        for (int d = 0; d < width; d++) {
            double mean = 0;
            for (int r = first; r < first + count; r++) {
                mean += rows[r * width + d];
            }
            mean /= count;
            double squares = 0;
            for (int r = first; r < first + count; r++) {
                double delta = rows[r * width + d] - mean;
                squares += delta * delta;
            }
            sum += Math.sqrt(squares / count);
        }
        return sum / width;
    }

    /**
     * exp of the entropy of the normalised eigenvalues of the rows' covariance (Roy and Vetterli 2007): 1 when all vary along
     * one direction, at most min(rows, width). Computed from the smaller of the two Gram matrices.
     */
    public static double effectiveRank(float[] rows, int width) {
        int count = rows.length / width;
        double[][] centred = new double[count][width];
        for (int d = 0; d < width; d++) {
            double mean = 0;
            for (int r = 0; r < count; r++) {
                mean += rows[r * width + d];
            }
            for (int r = 0; r < count; r++) {
                centred[r][d] = rows[r * width + d] - mean / count;
            }
        }
        Array2DRowRealMatrix x = new Array2DRowRealMatrix(centred, false);
        var gram = count < width ? x.multiply(x.transpose()) : x.transpose().multiply(x);
        double[] values = new EigenDecomposition(gram).getRealEigenvalues();
        double total = 0;
        for (double v : values) {
            total += Math.max(v, 0);
        }
        double entropy = 0;
        for (double v : values) {
            double p = total == 0 ? 0 : Math.max(v, 0) / total;
            entropy -= p > 0 ? p * Math.log(p) : 0;
        }
        return Math.exp(entropy);
    }
}
