package sdae.tensor.check;

/** Standardising rows in double: (z - mean) / sqrt(var + 1e-6), var with divisor D - 1. */
final class Targets {
    private Targets() {}

    /** [mean, rstd] of D values from {@code from} on. */
    static double[] moments(double[] values, int from, int cols) {
        double mean = 0;
        for (int c = 0; c < cols; c++) {
            mean += values[from + c] / cols;
        }
        double squares = 0;
        for (int c = 0; c < cols; c++) {
            squares += Math.pow(values[from + c] - mean, 2);
        }
        return new double[] {mean, 1 / Math.sqrt(squares / (cols - 1) + 1e-6)};
    }

    /** teacher [F, skip+n, D] to standardised [F, n, D]; its moments go to stats[0..2Fn) if there are any. */
    static double[] of(double[] teacher, double[] stats, int folds, int tokens, int cols, int skip) {
        double[] target = new double[folds * tokens * cols];
        for (int row = 0; row < folds * tokens; row++) {
            int from = (row + (row / tokens + 1) * skip) * cols;
            double[] moments = moments(teacher, from, cols);
            if (stats != null) {
                System.arraycopy(moments, 0, stats, 2 * row, 2);
            }
            for (int c = 0; c < cols; c++) {
                target[row * cols + c] = (teacher[from + c] - moments[0]) * moments[1];
            }
        }
        return target;
    }
}
