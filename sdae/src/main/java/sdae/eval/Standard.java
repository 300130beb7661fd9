package sdae.eval;

import java.util.stream.IntStream;

/**
 * Features with mean 0 and deviation 1 in each channel, as measured on those that are learned from. All in double.
 *
 * @param mean [width]
 * @param scale [width] 1 / deviation; 0 for a channel that never changes
 */
record Standard(double[] mean, double[] scale) {
    static Standard of(Features f) {
        double[] mean = new double[f.width()];
        double[] scale = new double[f.width()];
        IntStream.range(0, f.width()).parallel().forEach(d -> {
            double sum = 0;
            for (int i = d; i < f.rows().length; i += f.width()) {
                sum += f.rows()[i];
            }
            mean[d] = sum / f.count();
            double squares = 0;
            for (int i = d; i < f.rows().length; i += f.width()) {
                squares += (f.rows()[i] - mean[d]) * (f.rows()[i] - mean[d]);
            }
            scale[d] = squares > 0 ? 1 / Math.sqrt(squares / f.count()) : 0;
        });
        return new Standard(mean, scale);
    }

    /** [count][width]. */
    double[][] apply(Features f) {
        double[][] x = new double[f.count()][f.width()];
        for (int i = 0; i < x.length; i++) {
            for (int d = 0; d < f.width(); d++) {
                x[i][d] = (f.rows()[i * f.width() + d] - mean[d]) * scale[d];
            }
        }
        return x;
    }

    /** X^T X / n [width][width]; every entry is one sum in row order, so threads change nothing. */
    static double[][] gram(double[][] x) {
        int width = x[0].length;
        double[][] gram = new double[width][width];
        IntStream.range(0, width).parallel().forEach(d -> {
            for (double[] row : x) {
                double own = row[d];
                for (int e = 0; e < width; e++) {
                    gram[d][e] += own * row[e];
                }
            }
            for (int e = 0; e < width; e++) {
                gram[d][e] /= x.length;
            }
        });
        return gram;
    }
}
