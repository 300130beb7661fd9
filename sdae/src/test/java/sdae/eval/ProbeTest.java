package sdae.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.commons.math3.linear.Array2DRowRealMatrix;
import org.apache.commons.math3.linear.QRDecomposition;
import org.junit.jupiter.api.Test;
import sdae.data.ImageSource;
import sdae.data.RawImage;
import sdae.io.Progress;
import sdae.tensor.CpuBackend;

class ProbeTest {
    private static final int WIDTH = 6;
    private static final int CLASSES = 3;
    private final CpuBackend backend = new CpuBackend();
    private final Progress quiet =
            new Progress(new PrintStream(new ByteArrayOutputStream(), false, StandardCharsets.UTF_8));

    /** Names and labels only. */
    private record Named(int size) implements ImageSource {
        @Override
        public String name(int i) {
            return "class" + i % CLASSES + "/" + i + ".png";
        }

        @Override
        public int label(int i) {
            return i % CLASSES;
        }

        @Override
        public List<String> classes() {
            return List.of("a", "b", "c");
        }

        @Override
        public RawImage read(int i) {
            return new RawImage(1, 1, 1, new byte[] {(byte) (i % 50)});
        }

        @Override
        public String fingerprint() {
            return "";
        }
    }

    /** Blobs around one corner a class. */
    private static Features blobs(int count, double noise, long seed) {
        Random random = new Random(seed);
        float[] rows = new float[count * WIDTH];
        int[] labels = new int[count];
        for (int i = 0; i < count; i++) {
            labels[i] = i % CLASSES;
            for (int d = 0; d < WIDTH; d++) {
                rows[i * WIDTH + d] = (float) (5 + (d == labels[i] ? 1 : 0) + noise * random.nextGaussian() * (1 + d));
            }
        }
        return new Features(rows, IntStream.range(0, count).toArray(), labels, new long[count], WIDTH);
    }

    private static LinearProbe.Settings settings(LinearHeads.Recipe recipe, double... rates) {
        return new LinearProbe.Settings(recipe, rates, 32, 20, 2, 0, 4);
    }

    @Test
    void aHeadAmongOthersLearnsWhatItWouldAlone() {
        Features train = blobs(200, 0.4, 1);
        int[] labels = java.util.Arrays.copyOf(train.labels(), 64);
        float[] rows = java.util.Arrays.copyOf(train.rows(), 64 * WIDTH);
        for (LinearHeads.Recipe recipe : LinearHeads.Recipe.values()) {
            try (LinearHeads many = new LinearHeads(backend, WIDTH, CLASSES, recipe, new double[] {9, 0.5, 2}, 3);
                    LinearHeads one = new LinearHeads(backend, WIDTH, CLASSES, recipe, new double[] {0.5}, 3)) {
                for (int s = 1; s <= 5; s++) {
                    double[] losses = many.step(rows, labels, 0.1 * s, 0.01);
                    assertEquals(losses[1], one.step(rows, labels, 0.1 * s, 0.01)[0]);
                }
                assertArrayEquals(one.scores(0, train.rows()), many.scores(1, train.rows()));
                assertFalse(java.util.Arrays.equals(many.scores(0, train.rows()), many.scores(1, train.rows())));
            }
        }
    }

    @Test
    void separableClassesAreToldApartAndTheRateIsChosenByTrainingImages() {
        ImageSource source = new Named(600);
        Features train = blobs(600, 0.08, 1);
        Features test = blobs(300, 0.08, 2);
        for (LinearHeads.Recipe recipe : LinearHeads.Recipe.values()) {
            double[] rates = recipe == LinearHeads.Recipe.LARS ? new double[] {1e-6, 10} : new double[] {1e-9, 0.05};
            LinearProbe.Result result =
                    LinearProbe.cached(backend, source, train, test, CLASSES, settings(recipe, rates), quiet);
            assertEquals(1, result.chosen(), recipe.name());
            assertTrue(
                    result.best().test().top1() > 0.9,
                    recipe + " " + result.best().test().text());
            LinearProbe.Result again =
                    LinearProbe.cached(backend, source, train, test, CLASSES, settings(recipe, rates), quiet);
            assertArrayEquals(
                    result.best().test().confusion(), again.best().test().confusion());
            assertEquals(result.best().loss(), again.best().loss());
        }
        // labels of the test part changed: another score, the same choice and the same training
        Features wrong = new Features(test.rows(), test.ids(), new int[test.count()], test.contents(), WIDTH);
        LinearProbe.Settings lars = settings(LinearHeads.Recipe.LARS, 1e-6, 10);
        LinearProbe.Result result = LinearProbe.cached(backend, source, train, test, CLASSES, lars, quiet);
        LinearProbe.Result other = LinearProbe.cached(backend, source, train, wrong, CLASSES, lars, quiet);
        assertEquals(result.chosen(), other.chosen());
        assertEquals(result.best().loss(), other.best().loss());
    }

    @Test
    void validationImagesAreNotLearnedFromUnlessThereIsNothingToChoose() {
        ImageSource source = new Named(600);
        Features train = blobs(600, 1, 1);
        LinearProbe.Parts parts = LinearProbe.Parts.of(source, train);
        assertEquals(600, parts.fit().count() + parts.validation().count());
        assertEquals(60, parts.validation().count(), 20);
        for (int id : parts.validation().ids()) {
            assertTrue(LinearProbe.validation(source).test(id));
        }
        for (int id : parts.fit().ids()) {
            assertFalse(LinearProbe.validation(source).test(id));
        }
        LinearProbe.Parts all = LinearProbe.Parts.of(source, train, settings(LinearHeads.Recipe.LARS, 1));
        assertEquals(600, all.fit().count());
        assertNull(all.validation());
    }

    /** Against the least squares of the rows [X; sqrt(n lambda) I] by QR. */
    @Test
    void ridgeSolvesItsEquation() {
        ImageSource source = new Named(300);
        Features train = blobs(300, 0.6, 1);
        Features test = blobs(90, 0.6, 2);
        Ridge.Result result = Ridge.run(source, train, test, CLASSES);
        Features fit = LinearProbe.Parts.of(source, train).fit();
        int n = fit.count();
        double[][] x = new double[n + WIDTH][WIDTH];
        double[][] y = new double[n + WIDTH][CLASSES];
        double[] mean = new double[WIDTH];
        double[] std = new double[WIDTH];
        for (int d = 0; d < WIDTH; d++) {
            for (int i = 0; i < n; i++) {
                mean[d] += fit.rows()[i * WIDTH + d] / (double) n;
            }
            for (int i = 0; i < n; i++) {
                std[d] += Math.pow(fit.rows()[i * WIDTH + d] - mean[d], 2) / n;
            }
            std[d] = Math.sqrt(std[d]);
        }
        double[] share = new double[CLASSES];
        for (int label : fit.labels()) {
            share[label] += 1.0 / n;
        }
        for (int i = 0; i < n; i++) {
            for (int d = 0; d < WIDTH; d++) {
                x[i][d] = (fit.rows()[i * WIDTH + d] - mean[d]) / std[d];
            }
            for (int c = 0; c < CLASSES; c++) {
                y[i][c] = (fit.labels()[i] == c ? 1 : 0) - share[c];
            }
        }
        for (int d = 0; d < WIDTH; d++) {
            x[n + d][d] = Math.sqrt(n * result.lambda());
        }
        double[][] w = new QRDecomposition(new Array2DRowRealMatrix(x))
                .getSolver()
                .solve(new Array2DRowRealMatrix(y))
                .getData();
        float[] scores = new float[test.count() * CLASSES];
        for (int i = 0; i < test.count(); i++) {
            for (int c = 0; c < CLASSES; c++) {
                double sum = share[c];
                for (int d = 0; d < WIDTH; d++) {
                    sum += (test.rows()[i * WIDTH + d] - mean[d]) / std[d] * w[d][c];
                }
                scores[i * CLASSES + c] = (float) sum;
            }
        }
        assertArrayEquals(
                Score.of(scores, test.labels(), CLASSES).confusion(),
                result.test().confusion());
        assertTrue(result.test().top1() > 0.6, result.test().text());
    }

    @Test
    void everyKVotesAsItWouldAlone() {
        Features bank = blobs(120, 0.8, 1);
        Features test = blobs(70, 0.8, 2);
        int[] ks = {1, 7, 500};
        float[][] votes = Knn.votes(backend, bank, test, ks, 0.07, CLASSES, () -> {});
        for (int k = 0; k < ks.length; k++) {
            assertArrayEquals(Knn.votes(backend, bank, test, new int[] {ks[k]}, 0.07, CLASSES, () -> {})[0], votes[k]);
            for (int i = 0; i < test.count(); i++) {
                assertEquals(naive(bank, test, i, ks[k]), best(votes[k], i), "k " + ks[k] + ", row " + i);
            }
        }
    }

    private static int best(float[] votes, int row) {
        int best = 0;
        for (int c = 1; c < CLASSES; c++) {
            best = votes[row * CLASSES + c] > votes[row * CLASSES + best] ? c : best;
        }
        return best;
    }

    private static int naive(Features bank, Features test, int row, int k) {
        double[] cosine = new double[bank.count()];
        for (int i = 0; i < cosine.length; i++) {
            double dot = 0;
            double a = 0;
            double b = 0;
            for (int d = 0; d < WIDTH; d++) {
                double p = bank.rows()[i * WIDTH + d];
                double q = test.rows()[row * WIDTH + d];
                dot += p * q;
                a += p * p;
                b += q * q;
            }
            cosine[i] = dot / Math.sqrt(a * b);
        }
        double[] votes = new double[CLASSES];
        IntStream.range(0, cosine.length)
                .boxed()
                .sorted((i, j) -> Double.compare(cosine[j], cosine[i]))
                .limit(k)
                .forEach(i -> votes[bank.labels()[i]] += Math.exp(cosine[i] / 0.07));
        int best = 0;
        for (int c = 1; c < CLASSES; c++) {
            best = votes[c] > votes[best] ? c : best;
        }
        return best;
    }

    @Test
    void twinsUnderOtherNamesAreCounted() {
        // images i and i + 50 are equal; labels go by i mod 3
        ImageSource whole = new Named(100);
        ImageSource train = whole.subset(IntStream.range(0, 50).toArray());
        ImageSource test = whole.subset(new int[] {50, 51, 52});
        Duplicates twins = Duplicates.between(train, test, images -> {});
        assertEquals(3, twins.count());
        assertEquals(3, twins.otherLabel()); // 50 mod 3 is 2
        assertTrue(twins.text().contains("class2/50.png = class0/0.png"), twins.text());
        assertEquals(
                "",
                Duplicates.between(train.subset(new int[] {9}), test, images -> {})
                        .text());
    }
}
