package sdae.eval;

import java.util.Arrays;
import java.util.stream.IntStream;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * k nearest neighbours by cosine similarity, each voting with exp(similarity / temperature) (Wu et al. 2018,
 * arXiv:1805.01978). Ties go to the smaller index and class.
 */
public final class Knn {
    /** Wu et al.'s. */
    public static final double TEMPERATURE = 0.07;

    private static final int CHUNK = 256;

    private Knn() {}

    /**
     * The votes of every class for every test row, [k list][rows * classes]: the neighbours are looked up once. A k above the
     * number of labelled rows means all of them.
     *
     * @param onChunk run before each {@value #CHUNK} test rows; what it throws ends the work
     */
    public static float[][] votes(
            Backend backend,
            Features bank,
            Features test,
            int[] ks,
            double temperature,
            int classes,
            Runnable onChunk) {
        int width = bank.width();
        int most = Math.min(Arrays.stream(ks).max().orElseThrow(), bank.count());
        float[] bankRows = unitRows(bank);
        float[] testRows = unitRows(test);
        float[][] votes = new float[ks.length][test.count() * classes];
        Tensor all = Tensor.persistent(backend, DType.F32, bank.count(), width).set(bankRows);
        try (Arena arena = new Arena(backend)) {
            for (int start = 0; start < test.count(); start += CHUNK) {
                onChunk.run();
                int first = start;
                int rows = Math.min(CHUNK, test.count() - start);
                try (Tape tape = arena.open()) {
                    Tensor some = tape.empty(DType.F32, rows, width).set(testRows, start * width);
                    Tensor scores = tape.empty(DType.F32, rows, bank.count());
                    backend.linearForward(scores, some, all, null);
                    float[] similarity = scores.toFloats();
                    IntStream.range(0, rows).parallel().forEach(r -> {
                        int[] nearest = nearest(similarity, r * bank.count(), bank.count(), most);
                        for (int k = 0; k < ks.length; k++) {
                            double[] cast = new double[classes];
                            for (int i = 0; i < Math.min(ks[k], most); i++) {
                                double near = similarity[r * bank.count() + nearest[i]];
                                cast[bank.labels()[nearest[i]]] += Math.exp(near / temperature);
                            }
                            // one scale for a row changes no order and keeps a small temperature within floats
                            double sum = Arrays.stream(cast).sum();
                            for (int c = 0; c < classes; c++) {
                                votes[k][(first + r) * classes + c] = (float) (cast[c] / sum);
                            }
                        }
                    });
                }
            }
        } finally {
            all.close();
        }
        return votes;
    }

    /** What one k gets right at the usual temperature. */
    public static Score score(Backend backend, Features bank, Features test, int k, int classes, Runnable onChunk) {
        float[][] votes = votes(backend, bank, test, new int[] {k}, TEMPERATURE, classes, onChunk);
        return Score.of(votes[0], test.labels(), classes);
    }

    /** Indices of the k largest of similarity[at..at+count), largest first. */
    private static int[] nearest(float[] similarity, int at, int count, int k) {
        int[] best = new int[k];
        int found = 0;
        for (int i = 0; i < count; i++) {
            float s = similarity[at + i];
            if (found == k && s <= similarity[at + best[k - 1]]) {
                continue;
            }
            int place = found < k ? found++ : k - 1;
            while (place > 0 && similarity[at + best[place - 1]] < s) {
                best[place] = best[place - 1];
                place--;
            }
            best[place] = i;
        }
        return best;
    }

    private static float[] unitRows(Features features) {
        int width = features.width();
        float[] rows = Arrays.copyOf(features.rows(), features.rows().length);
        for (int r = 0; r < features.count(); r++) {
            double norm = 0;
            for (int d = 0; d < width; d++) {
                norm += (double) rows[r * width + d] * rows[r * width + d];
            }
            double scale = norm == 0 ? 0 : 1 / Math.sqrt(norm);
            for (int d = 0; d < width; d++) {
                rows[r * width + d] *= (float) scale;
            }
        }
        return rows;
    }
}
