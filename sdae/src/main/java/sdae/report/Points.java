package sdae.report;

import java.util.Arrays;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;

/** Points of a curve, in the order they were measured; y is NaN where a value was not finite, x never is. */
final class Points {
    private final double[] xs;
    private final double[] ys;

    Points(double[] xs, double[] ys) {
        this.xs = xs.clone();
        this.ys = ys.clone();
    }

    int size() {
        return xs.length;
    }

    double x(int i) {
        return xs[i];
    }

    double y(int i) {
        return ys[i];
    }

    /** Whether any y is finite. */
    boolean drawable() {
        return Arrays.stream(ys).anyMatch(Double::isFinite);
    }

    /** The finite y values, sorted. */
    double[] sortedValues() {
        return Arrays.stream(ys).filter(Double::isFinite).sorted().toArray();
    }

    double first() {
        return Arrays.stream(ys).filter(Double::isFinite).findFirst().orElse(Double.NaN);
    }

    double last() {
        return Arrays.stream(ys).filter(Double::isFinite).reduce(Double.NaN, (a, b) -> b);
    }

    /** The same points with x passed through {@code map}; those it sends to NaN are left out. */
    Points mapX(DoubleUnaryOperator map) {
        double[] mapped = Arrays.stream(xs).map(map).toArray();
        int[] kept = IntStream.range(0, size())
                .filter(i -> Double.isFinite(mapped[i]))
                .toArray();
        return new Points(
                Arrays.stream(kept).mapToDouble(i -> mapped[i]).toArray(),
                Arrays.stream(kept).mapToDouble(i -> ys[i]).toArray());
    }

    /** The same points with y times {@code factor}. */
    Points timesY(double factor) {
        return new Points(xs, Arrays.stream(ys).map(y -> y * factor).toArray());
    }

    /**
     * Centred moving median over {@code 2 * half + 1} points (fewer at the ends), at about {@code limit} of the points: a
     * spike does not bend it. NaN stays NaN and enters no median.
     */
    Points smooth(int half, int limit) {
        int stride = Math.max(1, size() / limit);
        int[] at = IntStream.range(0, size())
                .filter(i -> i % stride == 0 || i == size() - 1)
                .toArray();
        return new Points(
                Arrays.stream(at).mapToDouble(i -> xs[i]).toArray(),
                Arrays.stream(at).mapToDouble(i -> median(i, half)).toArray());
    }

    private double median(int i, int half) {
        if (!Double.isFinite(ys[i])) {
            return Double.NaN;
        }
        double[] sorted = Arrays.stream(ys, Math.max(0, i - half), Math.min(size(), i + half + 1))
                .filter(Double::isFinite)
                .sorted()
                .toArray();
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

    /** At most about {@code limit} points: of each run of neighbours the lowest and the highest, and every NaN run's first. */
    Points thin(int limit) {
        if (size() <= limit) {
            return this;
        }
        int buckets = Math.max(1, limit / 2);
        boolean[] keep = new boolean[size()];
        keep[0] = true;
        keep[size() - 1] = true;
        for (int b = 0; b < buckets; b++) {
            int from = (int) ((long) b * size() / buckets);
            int to = (int) ((long) (b + 1) * size() / buckets);
            int low = -1;
            int high = -1;
            for (int i = from; i < to; i++) {
                if (Double.isNaN(ys[i])) {
                    keep[i] |= i == 0 || !Double.isNaN(ys[i - 1]);
                    continue;
                }
                low = low < 0 || ys[i] < ys[low] ? i : low;
                high = high < 0 || ys[i] > ys[high] ? i : high;
            }
            if (low >= 0) {
                keep[low] = true;
                keep[high] = true;
            }
        }
        int[] kept = IntStream.range(0, size()).filter(i -> keep[i]).toArray();
        return new Points(
                Arrays.stream(kept).mapToDouble(i -> xs[i]).toArray(),
                Arrays.stream(kept).mapToDouble(i -> ys[i]).toArray());
    }
}
