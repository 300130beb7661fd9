package sdae.train;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BiFunction;
import sdae.config.Config;
import sdae.data.CenterFit;
import sdae.data.ImageSource;
import sdae.data.RunData;
import sdae.eval.Features;
import sdae.eval.Knn;
import sdae.eval.Spread;
import sdae.io.Pace;
import sdae.model.DropPath;
import sdae.model.Encoder;
import sdae.model.ModelSpec;
import sdae.model.SdaeModel;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.CosineLossOp;
import sdae.tensor.op.PatchMask;

/** What the networks are worth at some step: kNN of frozen features, and whether the teacher still tells images apart. */
final class Evaluation {
    private static final int SPREAD_IMAGES = 256;
    private static final int SPREAD_BATCH = 16;

    private final Config config;
    private final RunData data;
    private final SdaeModel model;
    private final Backend backend;

    Evaluation(Config config, RunData data, SdaeModel model, Backend backend) {
        this.config = config;
        this.data = data;
        this.model = model;
        this.backend = backend;
    }

    /** Column names of evals.csv after the step. */
    static final java.util.List<String> COLUMNS = java.util.List.of(
            "epoch",
            "knn_student",
            "knn_teacher",
            "target_std_tokens",
            "target_std_images",
            "effective_rank",
            "cosine_token",
            "cosine_channel",
            "student_teacher_distance");

    /** Values by column name; what does not apply is absent. */
    Map<String, Double> run(Pace pace) {
        Map<String, Double> values = new LinkedHashMap<>();
        int[] chosen = data.test().evenly(SPREAD_IMAGES);
        int networks = !data.labelled() ? 0 : model.teacher() == null ? 1 : 2;
        pace.expect(networks * knnImages() + chosen.length);
        if (data.labelled()) {
            values.put("knn_student", knn(model.encoder(), pace));
            if (model.teacher() != null) {
                values.put("knn_teacher", knn(model.teacherEncoder(), pace));
            }
        }
        spread(values, chosen, pace);
        if (model.teacher() != null) {
            values.put("student_teacher_distance", distance());
        }
        return values;
    }

    private double knn(Encoder encoder, Pace pace) {
        return accuracy(
                (source, limit) ->
                        Features.of(encoder, config.model(), backend, source, limit, data.normalization(), pace::batch),
                pace);
    }

    /** kNN on the pixels themselves. */
    double knnOfPixels(Pace pace) {
        pace.expect(knnImages());
        return accuracy(
                (source, limit) -> Features.pixels(config.model(), source, limit, data.normalization(), pace::batch),
                pace);
    }

    /** Images that one network, or none, is to look at for kNN. */
    private long knnImages() {
        return (long) Math.min(data.train().size(), config.integer("eval.knn_train"))
                + Math.min(data.test().size(), config.integer("eval.knn_test"));
    }

    private double accuracy(BiFunction<ImageSource, Integer, Features> features, Pace pace) {
        return Knn.score(
                        backend,
                        features.apply(data.train(), config.integer("eval.knn_train")),
                        features.apply(data.test(), config.integer("eval.knn_test")),
                        config.integer("eval.knn_k"),
                        data.train().classes().size(),
                        pace::check)
                .top1();
    }

    /** Over one fixed set of evaluation images, with fixed masks; a few at a time, so that a large model fits. */
    private void spread(Map<String, Double> values, int[] chosen, Pace pace) {
        ModelSpec spec = config.model();
        boolean distilled = model.teacher() != null;
        int each = distilled ? config.patches().used() : spec.patches();
        float[] tokens = new float[chosen.length * each * spec.width()];
        double[] cosines = new double[2];
        try (Arena arena = new Arena(backend)) {
            for (int start = 0; start < chosen.length; start += SPREAD_BATCH) {
                int[] ids = Arrays.copyOfRange(chosen, start, Math.min(chosen.length, start + SPREAD_BATCH));
                pace.batch(ids.length);
                try (Tape tape = arena.open()) {
                    Tensor batch = images(tape, ids);
                    float[] some = distilled
                            ? targets(tape, batch, ids, (double) ids.length / chosen.length, cosines)
                            : Features.patchTokens(model.encoder().infer(tape, batch, null, 1));
                    System.arraycopy(some, 0, tokens, start * each * spec.width(), some.length);
                }
            }
        }
        describe(values, tokens, each, chosen.length, spec.width());
        if (distilled) {
            values.put("cosine_token", cosines[0]);
            values.put("cosine_channel", cosines[1]);
        }
    }

    private Tensor images(Tape tape, int[] ids) {
        ModelSpec spec = config.model();
        CenterFit fit = new CenterFit(spec.imageHeight(), spec.imageWidth(), data.normalization());
        float[] images = new float[ids.length * fit.outputSize()];
        for (int i = 0; i < ids.length; i++) {
            fit.apply(data.test().read(ids[i]).withChannels(spec.channels()), images, i * fit.outputSize(), null);
        }
        return tape.of(images, ids.length, spec.channels(), spec.imageHeight(), spec.imageWidth());
    }

    /** The standardised teacher tokens of a batch; its mean cosines enter {@code cosines} with this weight. */
    private float[] targets(Tape tape, Tensor batch, int[] ids, double weight, double[] cosines) {
        PatchMask mask = Masks.draw(config, tape, Philox.Purpose.EVALUATION, 0, ids);
        SdaeModel.Forward[] out = new SdaeModel.Forward[1];
        tape.scoped(() -> {
            out[0] = model.forward(batch, mask, DropPath.NONE);
            tape.keep(out[0].pred());
            tape.keep(out[0].teacherTokens());
            return out[0].loss();
        });
        CosineLossOp.Axis[] axes = {CosineLossOp.Axis.TOKEN, CosineLossOp.Axis.CHANNEL};
        for (int i = 0; i < axes.length; i++) {
            Tensor loss = CosineLossOp.apply(out[0].pred(), out[0].teacherTokens(), axes[i], false);
            cosines[i] += weight * (1.0 - loss.item());
        }
        Tensor target = tape.emptyLike(out[0].pred());
        backend.normalizeTarget(target, out[0].teacherTokens());
        return target.toFloats();
    }

    private static void describe(Map<String, Double> values, float[] tokens, int each, int images, int width) {
        values.put("target_std_tokens", Spread.deviationWithin(tokens, each, width));
        float[] means = new float[images * width];
        for (int i = 0; i < tokens.length; i++) {
            means[i / (each * width) * width + i % width] += tokens[i] / each;
        }
        values.put("target_std_images", Spread.deviation(means, width));
        values.put("effective_rank", Spread.effectiveRank(means, width));
    }

    /** |student - teacher| / |teacher| over all that the teacher mirrors. */
    private double distance() {
        Tensor student = model.studentPrefix();
        Tensor teacher = model.teacher().values();
        Tensor difference =
                Tensor.persistent(backend, DType.F32, teacher.count()).set(teacher);
        try {
            backend.scale(difference, -1);
            backend.add(difference, student);
            return Math.sqrt(backend.sumSquares(difference) / backend.sumSquares(teacher));
        } finally {
            difference.close();
        }
    }
}
