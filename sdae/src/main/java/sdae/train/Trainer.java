package sdae.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import sdae.config.Config;
import sdae.data.BatchLoader;
import sdae.eval.Backbone;
import sdae.model.SdaeModel;
import sdae.nn.AdamW;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.weights.WeightsFile;

/** The step: batches in, one update of student and teacher out. Knows no file and no clock. */
final class Trainer implements AutoCloseable {
    private static final String ENCODER = "encoder:";
    private static final String CHECKPOINT = "checkpoint:";

    private final Config config;
    private final SdaeModel model;
    private final AdamW adamw;
    private final Arena arena;
    private final StepInputs inputs;
    private final Tensor loss;
    private final Updater updater;

    Trainer(Config config, Backend backend) {
        this.config = config;
        model = new SdaeModel(
                backend, config.model(), config.objective(), config.flag("wd.skip_tokens"), config.dtype());
        adamw = new AdamW(
                backend,
                model.student(),
                model.teacher(),
                new DecayGroups(),
                config.number("optim.beta1"),
                config.number("optim.beta2"),
                config.number("optim.eps"));
        arena = new Arena(backend).recomputing(config.flag("train.recompute"));
        inputs = new StepInputs(backend, config);
        loss = Tensor.persistent(backend, DType.F32, 1);
        updater = new Updater(config, backend, adamw, loss, inputs::set, this::addGradients);
    }

    /** No decay for segments named so; one learning rate for all. */
    private static final class DecayGroups implements AdamW.Scales {
        @Override
        public double lr(ParameterBuffer.Segment segment) {
            return 1;
        }

        @Override
        public double decay(ParameterBuffer.Segment segment) {
            return segment.name().endsWith(".no-decay") ? 0 : 1;
        }
    }

    /**
     * Initial values by the config.
     *
     * @param say told how given weights' network differs from this one
     */
    void initialise(Consumer<String> say) throws IOException {
        model.init(config.longInteger("seed"), config.text("init.patch_bias").equals("zero"));
        WeightsFile.Rules rules = WeightsFile.Rules.of(model.spec(), true);
        String student = config.text("student.init");
        if (student.startsWith(ENCODER)) {
            WeightsFile.loadEncoder(weights(student, ENCODER), model.student(), rules, say);
        } else if (student.startsWith(CHECKPOINT)) {
            WeightsFile.load(weights(student, CHECKPOINT), model.student(), rules, say);
        }
        String teacher = config.text("teacher.init");
        if (teacher.equals("copy")) {
            model.copyTeacher();
        } else if (model.teacher() != null && teacher.startsWith(CHECKPOINT)) {
            WeightsFile.load(weights(teacher, CHECKPOINT), model.teacher(), rules, say);
        }
        if (config.text("teacher.pos").equals("shared")) {
            model.shareTeacherPositions();
        }
    }

    /** The file that a setting names, or the student's of the run that it names. */
    private static Path weights(String setting, String prefix) throws IOException {
        Path path = Path.of(setting.substring(prefix.length()));
        return new Backbone.Origin(path, Backbone.Network.STUDENT, List.of(), true).file();
    }

    /** Update number {@code number} (from 1), on the loader's next batches. */
    Task.Step step(long number, Plan plan, BatchLoader loader, boolean wantNorm) {
        return updater.step(
                number, plan, loader, wantNorm, model.teacher() == null ? Double.NaN : plan.momentum(number));
    }

    /** Forward and backward of the batch in {@link #inputs}; its gradients add to those that are there. */
    private void addGradients() {
        try (Tape tape = arena.open()) {
            SdaeModel.Forward out = model.forward(inputs.images(tape), inputs.mask(tape), inputs.dropPath(tape));
            loss.set(out.loss());
            tape.backward(out.loss());
        }
    }

    /** Whether the launches of a step are replayed, not made one by one. */
    boolean replays() {
        return updater.replays();
    }

    SdaeModel model() {
        return model;
    }

    AdamW adamw() {
        return adamw;
    }

    /** Bytes of step memory. */
    long arenaBytes() {
        return arena.slabBytes();
    }

    @Override
    public void close() {
        updater.close();
        inputs.close();
        loss.close();
        arena.close();
        adamw.close();
        model.close();
    }
}
