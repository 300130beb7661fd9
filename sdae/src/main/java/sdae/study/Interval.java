package sdae.study;

import java.util.Arrays;
import java.util.Locale;
import org.apache.commons.math3.distribution.TDistribution;
import org.apache.commons.math3.stat.descriptive.SummaryStatistics;

/**
 * A mean over seeds with its 95 % interval by Student's t: what another few seeds would give. It knows nothing of the chance
 * of the test sample, which is the same for all of them.
 *
 * @param half half the interval's width; NaN for fewer than two values
 */
record Interval(double mean, double half, int count) {
    private static final double LEVEL = 0.95;

    static Interval of(double... values) {
        SummaryStatistics statistics = new SummaryStatistics();
        Arrays.stream(values).forEach(statistics::addValue);
        int count = values.length;
        double half = Double.NaN;
        if (count >= 2) {
            double t = new TDistribution(null, count - 1).inverseCumulativeProbability((1 + LEVEL) / 2);
            half = t * statistics.getStandardDeviation() / Math.sqrt(count);
        }
        return new Interval(statistics.getMean(), half, count);
    }

    double low() {
        return mean - half;
    }

    double high() {
        return mean + half;
    }

    /** {@code 45.10 ± 1.20}; the mean alone where there is no interval. */
    String text(String form) {
        return count < 2
                ? String.format(Locale.ROOT, form, mean)
                : String.format(Locale.ROOT, form + " ± " + form, mean, half);
    }

    /** {@code **+1.00** [+0.50, +1.50]}, bold where the interval leaves out 0; the mean alone where there is none. */
    String difference() {
        if (count < 2) {
            return String.format(Locale.ROOT, "%+.2f", mean);
        }
        boolean clear = low() > 0 || high() < 0;
        return String.format(Locale.ROOT, (clear ? "**%+.2f**" : "%+.2f") + " [%+.2f, %+.2f]", mean, low(), high());
    }
}
