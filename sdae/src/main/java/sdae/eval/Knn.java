package sdae.eval;

import java.util.Arrays;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * k nearest neighbours by cosine similarity, each voting with exp(similarity / 0.07) (Wu et al. 2018, arXiv:1805.01978).
 * Ties go to the smaller index and class.
 */
public final class Knn {
    private static final double TEMPERATURE = 0.07;
    private static final int CHUNK = 256;

    private Knn() {}

    /** The predicted class of every test row. */
    public static int[] predict(Backend backend, Features bank, Features test, int k, int classes) {
        int width = bank.width();
        int neighbours = Math.min(k, bank.count());
        float[] bankRows = unitRows(bank);
        float[] testRows = unitRows(test);
        int[] predicted = new int[test.count()];
        Tensor all = Tensor.persistent(backend, DType.F32, bank.count(), width).set(bankRows);
        try (Arena arena = new Arena(backend)) {
            for (int start = 0; start < test.count(); start += CHUNK) {
                int rows = Math.min(CHUNK, test.count() - start);
                try (Tape tape = arena.open()) {
                    Tensor some = tape.empty(DType.F32, rows, width).set(testRows, start * width);
                    Tensor scores = tape.empty(DType.F32, rows, bank.count());
                    backend.linearForward(scores, some, all, null);
                    float[] similarity = scores.toFloats();
                    for (int r = 0; r < rows; r++) {
                        predicted[start + r] = vote(similarity, r * bank.count(), bank.labels(), neighbours, classes);
                    }
                }
            }
        } finally {
            all.close();
        }
        return predicted;
    }

    /** Share of test rows whose class is predicted. */
    public static double accuracy(Backend backend, Features bank, Features test, int k, int classes) {
        int[] predicted = predict(backend, bank, test, k, classes);
        int right = 0;
        for (int i = 0; i < predicted.length; i++) {
            right += predicted[i] == test.labels()[i] ? 1 : 0;
        }
        return right / (double) predicted.length;
    }

    private static int vote(float[] similarity, int at, int[] labels, int k, int classes) {
        int[] best = new int[k];
        int count = 0;
        for (int i = 0; i < labels.length; i++) {
            float s = similarity[at + i];
            if (count == k && s <= similarity[at + best[k - 1]]) {
                continue;
            }
            int place = count < k ? count++ : k - 1;
            while (place > 0 && similarity[at + best[place - 1]] < s) {
                best[place] = best[place - 1];
                place--;
            }
            best[place] = i;
        }
        double[] votes = new double[classes];
        for (int i = 0; i < count; i++) {
            votes[labels[best[i]]] += Math.exp(similarity[at + best[i]] / TEMPERATURE);
        }
        int winner = 0;
        for (int c = 1; c < classes; c++) {
            winner = votes[c] > votes[winner] ? c : winner;
        }
        return winner;
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
