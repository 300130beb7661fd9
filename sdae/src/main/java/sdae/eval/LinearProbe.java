package sdae.eval;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntPredicate;
import sdae.data.Batch;
import sdae.data.BatchLoader;
import sdae.data.ImageSource;
import sdae.data.Normalization;
import sdae.data.ProbeCrop;
import sdae.io.Progress;
import sdae.model.Classifier.Pool;
import sdae.nn.Schedules;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * A linear classifier on frozen features (MAE main_linprobe): base rate times batch / 256, linear warm-up, half a cosine to
 * zero. Several rates are tried at once; the one that does best on a tenth of the training images, kept out by the hash of
 * their names, is chosen, and only then does the test part speak.
 */
public final class LinearProbe {
    /** Share of the training images that choose. */
    public static final double VALIDATION = 0.1;

    private static final long VALIDATION_SEED = 1; // not 0: by that one the test part may have been held out already

    private LinearProbe() {}

    /**
     * How to train.
     *
     * @param baseRates learning rates at 256 images a step, one head each
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Settings(
            LinearHeads.Recipe recipe,
            double[] baseRates,
            int batch,
            double epochs,
            double warmup,
            double weightDecay,
            long seed) {
        /** The recipe's own rates around its published one. */
        public static double[] rates(LinearHeads.Recipe recipe) {
            return recipe == LinearHeads.Recipe.LARS
                    ? new double[] {0.1, 0.3, 1, 3, 10}
                    : new double[] {3e-4, 1e-3, 3e-3, 1e-2, 3e-2};
        }
    }

    /** A head at the end; {@code validation} is null where nothing was to be chosen. */
    public record Head(double baseRate, double loss, Score validation, Score test) {}

    /** All heads and the one that the validation images chose. */
    public record Result(List<Head> heads, int chosen) {
        public Head best() {
            return heads.get(chosen);
        }
    }

    /** Batches of features with classes, epoch after epoch. */
    private interface Batches extends AutoCloseable {
        int perEpoch();

        /** Features into rows [B, width], classes into labels [B]. */
        void next(float[] rows, int[] labels);

        @Override
        default void close() {}
    }

    /** Which of a source's images choose the rate: by their names alone. */
    public static IntPredicate validation(ImageSource source) {
        return i -> source.draw(i, VALIDATION_SEED) < VALIDATION;
    }

    /** On features that were computed once: every epoch sees the same rows in another order. */
    public static Result cached(
            Backend backend,
            ImageSource source,
            Features train,
            Features test,
            int classes,
            Settings settings,
            Progress progress) {
        Parts parts = Parts.of(source, train, settings);
        Features fit = parts.fit;
        int batch = Math.min(settings.batch, fit.count());
        Batches batches = new Batches() {
            private int epoch;
            private int step;
            private int[] order;

            @Override
            public int perEpoch() {
                return fit.count() / batch;
            }

            @Override
            public void next(float[] rows, int[] labels) {
                if (step == 0) {
                    order = new Philox(settings.seed, Philox.Purpose.SHUFFLE, epoch, 0).permutation(fit.count());
                }
                for (int i = 0; i < batch; i++) {
                    int row = order[step * batch + i];
                    System.arraycopy(fit.rows(), row * fit.width(), rows, i * fit.width(), fit.width());
                    labels[i] = fit.labels()[row];
                }
                step = (step + 1) % perEpoch();
                epoch += step == 0 ? 1 : 0;
            }
        };
        return train(backend, batches, batch, parts.validation, test, fit.width(), classes, settings, progress);
    }

    /** On random crops: features are computed anew for every image in every epoch, as the published recipe does. */
    public static Result augmented(
            Backbone backbone,
            Pool pool,
            ImageSource source,
            Features train,
            Features test,
            int classes,
            Normalization norm,
            int workers,
            Settings settings,
            Progress progress) {
        Parts parts = Parts.of(source, train, settings);
        int batch = Math.min(settings.batch, parts.fit.count());
        var crop = new ProbeCrop(backbone.spec().imageHeight(), backbone.spec().imageWidth(), norm);
        try (BatchLoader loader = new BatchLoader(
                        source.subset(parts.fit.ids()), crop, BatchLoader.Settings.of(batch, settings.seed, workers));
                Arena arena = new Arena(backbone.backend())) {
            Batches batches = new Batches() {
                @Override
                public int perEpoch() {
                    return loader.stepsPerEpoch();
                }

                @Override
                public void next(float[] rows, int[] labels) {
                    Batch images = loader.next();
                    try (Tape tape = arena.open()) {
                        var spec = backbone.spec();
                        Tensor x =
                                tape.of(images.images(), batch, spec.channels(), spec.imageHeight(), spec.imageWidth());
                        float[] some = backbone.features(tape, x, pool).toFloats();
                        System.arraycopy(some, 0, rows, 0, some.length);
                        System.arraycopy(images.labels(), 0, labels, 0, batch);
                    }
                    images.release();
                }
            };
            return train(
                    backbone.backend(),
                    batches,
                    batch,
                    parts.validation,
                    test,
                    parts.fit.width(),
                    classes,
                    settings,
                    progress);
        }
    }

    /** The training rows that are learned from and those that choose; all are learned from where nothing is to be chosen. */
    record Parts(Features fit, Features validation) {
        static Parts of(ImageSource source, Features train, Settings settings) {
            return settings.baseRates.length == 1 ? new Parts(train, null) : of(source, train);
        }

        static Parts of(ImageSource source, Features train) {
            IntPredicate chooses = LinearProbe.validation(source);
            int[][] split = train.split(i -> chooses.test(train.ids()[i]));
            return new Parts(train.subset(split[1]), train.subset(split[0]));
        }
    }

    private static Result train(
            Backend backend,
            Batches batches,
            int batch,
            Features validation,
            Features test,
            int width,
            int classes,
            Settings settings,
            Progress progress) {
        double[] losses = new double[settings.baseRates.length];
        long steps = Math.max(1, Math.round(settings.epochs * batches.perEpoch()));
        double warmup = Math.min(settings.warmup, settings.epochs / 5);
        try (LinearHeads heads =
                new LinearHeads(backend, width, classes, settings.recipe, settings.baseRates, settings.seed)) {
            float[] rows = new float[batch * width];
            int[] labels = new int[batch];
            long start = System.nanoTime();
            for (long s = 0; s < steps; s++) {
                double epoch = (double) s / batches.perEpoch();
                batches.next(rows, labels);
                double scale = Schedules.warmupCosine(epoch, batch / 256.0, 0, warmup, settings.epochs);
                losses = heads.step(rows, labels, scale, settings.weightDecay);
                double seconds = (System.nanoTime() - start) * 1e-9;
                progress.show(
                        s + 1 == steps,
                        s + 1,
                        steps,
                        epoch,
                        settings.epochs,
                        least(losses),
                        (s + 1) * batch / seconds,
                        seconds / (s + 1) * (steps - s - 1));
            }
            return result(heads, losses, validation, test, classes, settings);
        }
    }

    private static double least(double[] losses) {
        double least = Double.NaN;
        for (double loss : losses) {
            least = loss < least || Double.isNaN(least) ? loss : least;
        }
        return least;
    }

    private static Result result(
            LinearHeads heads, double[] losses, Features validation, Features test, int classes, Settings settings) {
        List<Head> all = new ArrayList<>();
        int chosen = 0;
        for (int h = 0; h < heads.count(); h++) {
            Score chooses = validation == null
                    ? null
                    : Score.of(heads.scores(h, validation.rows()), validation.labels(), classes);
            Score score = Score.of(heads.scores(h, test.rows()), test.labels(), classes);
            all.add(new Head(settings.baseRates[h], losses[h], chooses, score));
            if (chooses != null && chooses.top1() > all.get(chosen).validation().top1()) {
                chosen = h;
            }
        }
        return new Result(List.copyOf(all), chosen);
    }
}
