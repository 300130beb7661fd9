package sdae.bench;

import java.util.Arrays;
import java.util.List;
import org.apache.commons.math3.distribution.BinomialDistribution;
import org.apache.commons.math3.random.RandomGenerator;
import org.apache.commons.math3.random.Well19937c;
import org.apache.commons.math3.stat.StatUtils;

/** Statistics of pairs: how many times as long another implementation took in the same round. */
final class Ratios {
    /** A figure and the interval that holds the true one with 95 % confidence. */
    record Interval(double value, double low, double high) {
        static final Interval NONE = new Interval(Double.NaN, Double.NaN, Double.NaN);

        boolean known() {
            return Double.isFinite(value);
        }

        Interval times(double factor) {
            return new Interval(value * factor, low * factor, high * factor);
        }
    }

    private static final double TAIL = 0.025;
    private static final int RESAMPLES = 2000;
    private static final int SEED = 20_260_101;

    private Ratios() {}

    static double median(double[] values) {
        return values.length == 0 ? Double.NaN : StatUtils.percentile(values, 50);
    }

    /**
     * Median with the interval between two order statistics (Hettmansperger 1984; the sign test turned round): it asks
     * nothing of the distribution, so one disturbed round in ten changes little. With fewer than 6 values no such interval
     * reaches 95 %; then it is the whole range.
     */
    static Interval median95(double[] values) {
        if (values.length == 0) {
            return Interval.NONE;
        }
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        int n = sorted.length;
        // the generator is of no use to a distribution that is not sampled
        BinomialDistribution heads = new BinomialDistribution(null, n, 0.5);
        int below = 0;
        while (heads.cumulativeProbability(below) <= TAIL) {
            below++;
        }
        int rank = Math.max(0, below - 1);
        return new Interval(median(sorted), sorted[rank], sorted[n - 1 - rank]);
    }

    /** theirs[i] / ours[i], as long as both have rounds. */
    static double[] pairs(double[] theirs, double[] ours) {
        double[] ratios = new double[Math.min(theirs.length, ours.length)];
        Arrays.setAll(ratios, i -> theirs[i] / ours[i]);
        return ratios;
    }

    /**
     * Geometric mean over cases of the median of each case's pair ratios; the interval by the percentile bootstrap over
     * rounds, each case resampled by itself (Efron 1979), with a fixed seed.
     */
    static Interval geometricMean95(List<double[]> cases) {
        if (cases.isEmpty()) {
            return Interval.NONE;
        }
        RandomGenerator random = new Well19937c(SEED);
        double[] means = new double[RESAMPLES];
        for (int r = 0; r < RESAMPLES; r++) {
            double logs = 0;
            for (double[] ratios : cases) {
                double[] drawn = new double[ratios.length];
                for (int i = 0; i < drawn.length; i++) {
                    drawn[i] = ratios[random.nextInt(ratios.length)];
                }
                logs += Math.log(median(drawn));
            }
            means[r] = Math.exp(logs / cases.size());
        }
        double logs = cases.stream().mapToDouble(r -> Math.log(median(r))).sum();
        return new Interval(
                Math.exp(logs / cases.size()),
                StatUtils.percentile(means, 100 * TAIL),
                StatUtils.percentile(means, 100 - 100 * TAIL));
    }
}
