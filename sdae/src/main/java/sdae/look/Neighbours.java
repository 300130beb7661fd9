package sdae.look;

import java.util.Arrays;
import java.util.stream.IntStream;

/** Nearest rows by cosine. */
final class Neighbours {
    private Neighbours() {}

    /** Whether a row of the bank may be a neighbour of a query. */
    @FunctionalInterface
    interface Allowed {
        boolean test(int query, int row);
    }

    /** @param cosine of each, falling */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Found(int[] rows, double[] cosine) {}

    /**
     * The {@code count} rows of {@code bank} with the largest cosine to each query; of equal ones the first. Fewer where the
     * bank has no more.
     *
     * @param queries [Q, width]
     * @param bank [n, width]
     */
    static Found[] of(float[] queries, float[] bank, int width, int count, Allowed allowed) {
        int rows = bank.length / width;
        double[] lengths = IntStream.range(0, rows)
                .parallel()
                .mapToDouble(r -> length(bank, r * width, width))
                .toArray();
        Found[] found = new Found[queries.length / width];
        IntStream.range(0, found.length).parallel().forEach(q -> {
            double own = length(queries, q * width, width);
            double[] cosines = new double[rows];
            for (int r = 0; r < rows; r++) {
                double dot = 0;
                for (int d = 0; d < width; d++) {
                    dot += queries[q * width + d] * (double) bank[r * width + d];
                }
                cosines[r] = own == 0 || lengths[r] == 0 ? 0 : dot / own / lengths[r];
            }
            int[] best = IntStream.range(0, rows)
                    .filter(r -> allowed.test(q, r))
                    .boxed()
                    .sorted((a, b) -> Double.compare(cosines[b], cosines[a]))
                    .limit(count)
                    .mapToInt(Integer::intValue)
                    .toArray();
            found[q] = new Found(
                    best, Arrays.stream(best).mapToDouble(r -> cosines[r]).toArray());
        });
        return found;
    }

    /** Cosine of two vectors; 0 if one is zero. */
    static double cosine(float[] a, int from, float[] b, int at, int width) {
        double dot = 0;
        for (int d = 0; d < width; d++) {
            dot += a[from + d] * (double) b[at + d];
        }
        double lengths = length(a, from, width) * length(b, at, width);
        return lengths == 0 ? 0 : dot / lengths;
    }

    private static double length(float[] values, int from, int width) {
        double sum = 0;
        for (int d = 0; d < width; d++) {
            sum += values[from + d] * (double) values[from + d];
        }
        return Math.sqrt(sum);
    }
}
