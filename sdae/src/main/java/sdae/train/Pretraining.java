package sdae.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import sdae.config.Config;
import sdae.data.BatchLoader;
import sdae.data.RunData;
import sdae.io.CheckpointStore.Checkpoint;
import sdae.io.Pace;
import sdae.io.SafetensorsWriter;
import sdae.kernels.Native;
import sdae.tensor.Backend;
import sdae.tensor.ParameterBuffer;

/** SdAE or MAE: student and teacher, judged by kNN and by measures of collapse. */
final class Pretraining implements Task {
    private final Config config;
    private final RunData data;
    private final Backend backend;
    private final Trainer trainer;
    private final Evaluation evaluation;
    private final Consumer<String> say;

    Pretraining(Config config, RunData data, Backend backend, Consumer<String> say) {
        this.config = config;
        this.data = data;
        this.backend = backend;
        this.say = say;
        trainer = new Trainer(config, backend);
        evaluation = new Evaluation(config, data, trainer.model(), backend);
    }

    @Override
    public List<String> describe(Plan plan) {
        List<String> lines = new ArrayList<>();
        lines.add(config.text("objective") + " on " + config.text("data.path") + ": "
                + data.train().size()
                + " images, " + trainer.model().student().count() + " student parameters, " + plan.updates()
                + " steps, "
                + config.patches().visible() + " of " + config.patches().all() + " patches visible, "
                + config.patches().folds() + " folds of " + config.patches().foldSize() + ", " + Native.sk_threads()
                + " threads");
        if (trainer.model().teacher() != null && plan.halfLife() < 0.01 * plan.updates()) {
            lines.add(String.format(
                    Locale.ROOT,
                    "warning: the teacher forgets half in %.1f of %d steps, under 1 %% of the run: it may collapse",
                    plan.halfLife(),
                    plan.updates()));
        }
        return lines;
    }

    @Override
    public void initialise() throws IOException {
        trainer.initialise(say);
    }

    @Override
    public BatchLoader loader(int epoch, int step) {
        return data.loader(config, epoch, step);
    }

    @Override
    public Step step(long number, Plan plan, BatchLoader loader, boolean wantNorm) {
        return trainer.step(number, plan, loader, wantNorm);
    }

    @Override
    public boolean replays() {
        return trainer.replays();
    }

    @Override
    public List<String> evalColumns() {
        return Evaluation.COLUMNS;
    }

    @Override
    public Map<String, Double> evaluate(Pace pace) {
        return evaluation.run(pace);
    }

    @Override
    public String evalLine(Map<String, Double> values) {
        return values.containsKey("knn_student")
                ? String.format(
                        Locale.ROOT, "kNN %.3f, effective rank %.1f", best(values), values.get("effective_rank"))
                : null;
    }

    /** kNN of the network that a user takes away: the teacher where there is one. */
    private static double best(Map<String, Double> values) {
        return values.getOrDefault("knn_teacher", values.get("knn_student"));
    }

    @Override
    public void first(Map<String, Double> values, Map<String, Object> summary, Pace pace) {
        if (values.containsKey("knn_student")) {
            summary.put("knn_untrained", values.get("knn_student"));
            summary.put("knn_raw_pixels", evaluation.knnOfPixels(pace));
        }
    }

    @Override
    public void last(Map<String, Double> values, Map<String, Object> summary) {
        if (values.containsKey("knn_student")) {
            summary.put("knn_trained", best(values));
        }
    }

    @Override
    public List<String> carried() {
        return List.of("knn_untrained", "knn_raw_pixels");
    }

    @Override
    public void finish(Path folder, Map<String, Object> summary) {}

    @Override
    public Map<String, SafetensorsWriter> files() {
        return Checkpoints.files(backend, trainer.model(), trainer.adamw());
    }

    @Override
    public void restore(Checkpoint checkpoint) throws IOException {
        Checkpoints.restore(checkpoint, trainer.model(), trainer.adamw());
    }

    /** Weights of student and teacher and the two moments of AdamW, all F32. */
    @Override
    public long checkpointBytes() {
        ParameterBuffer teacher = trainer.model().teacher();
        return Float.BYTES * (3 * trainer.model().student().count() + (teacher == null ? 0 : teacher.count()));
    }

    @Override
    public long arenaBytes() {
        return trainer.arenaBytes();
    }

    @Override
    public void close() {
        trainer.close();
    }
}
