package sdae.train;

import java.io.IOException;
import java.util.Arrays;
import sdae.config.Config;
import sdae.data.Batch;
import sdae.data.BatchLoader;
import sdae.eval.WeightsFile;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.model.SdaeModel;
import sdae.nn.AdamW;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/** The step: batches in, one update of student and teacher out. Knows no file and no clock. */
final class Trainer implements AutoCloseable {
    /** What one update was like. */
    record Step(
            long number, double loss, double learningRate, double weightDecay, double momentum, double gradientNorm) {}

    private final Config config;
    private final SdaeModel model;
    private final AdamW adamw;
    private final Arena arena;
    private final StepInputs inputs;
    private final Tensor loss;
    private final Repeated gradients;
    private final Repeated update;
    private final Repeated updateWithTeacher;

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
        arena = new Arena(backend);
        inputs = new StepInputs(backend, config);
        loss = Tensor.persistent(backend, DType.F32, 1);
        boolean graphs = config.flag("device.graphs");
        gradients = new Repeated(backend, graphs, this::addGradients);
        update = new Repeated(backend, graphs, () -> adamw.apply(false));
        updateWithTeacher = new Repeated(backend, graphs, () -> adamw.apply(true));
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

    /** Initial values by the config. */
    void initialise() throws IOException {
        String teacher = config.text("teacher.init");
        model.init(config.longInteger("seed"), config.text("init.patch_bias").equals("zero"), teacher.equals("copy"));
        if (model.teacher() != null && teacher.startsWith("checkpoint:")) {
            WeightsFile.load(
                    java.nio.file.Path.of(teacher.substring("checkpoint:".length())),
                    model.teacher(),
                    WeightsFile.Rules.STRICT);
        }
        if (config.text("teacher.pos").equals("shared")) {
            model.shareTeacherPositions();
        }
    }

    /** Update number {@code number} (from 1), on the loader's next batches. */
    Step step(long number, Plan plan, BatchLoader loader, boolean wantNorm) {
        int micro = config.integer("train.accumulate");
        double loss = 0;
        for (int i = 0; i < micro; i++) {
            Batch batch = loader.next();
            inputs.set(batch);
            gradients.run();
            double one = this.loss.item();
            if (!Double.isFinite(one)) {
                throw notFinite("the loss is " + one, number, plan, batch);
            }
            loss += one / micro;
            batch.release();
        }
        double clip = config.number("optim.clip");
        double norm = wantNorm || clip > 0 ? adamw.gradientNorm() / micro : Double.NaN;
        if ((wantNorm || clip > 0) && !Double.isFinite(norm)) {
            throw notFinite("the gradient's norm is " + norm, number, plan, null);
        }
        double scale = clip > 0 && norm > clip ? clip / norm : 1;
        double lr = plan.learningRate(number - 1);
        double decay = plan.weightDecay(number - 1);
        double momentum = model.teacher() == null ? Double.NaN : plan.momentum(number);
        adamw.prepare(lr, decay, scale / micro, momentum);
        (momentum >= 0 ? updateWithTeacher : update).run();
        return new Step(number, loss, lr, decay, momentum, norm);
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
        return gradients.replays();
    }

    private static UserError notFinite(String what, long number, Plan plan, Batch batch) {
        String where = batch == null
                ? ""
                : ", images " + Arrays.toString(Arrays.copyOf(batch.ids(), Math.min(8, batch.size()))) + " ...";
        return new UserError(
                ExitCode.NUMERIC,
                String.format(
                        java.util.Locale.ROOT,
                        "%s at step %d (epoch %.2f%s); the update was not made. Go on from the last checkpoint with a lower"
                                + " optim.lr, a longer train.warmup_epochs or optim.clip=1",
                        what,
                        number,
                        plan.epochAt(number - 1),
                        where));
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
        gradients.close();
        update.close();
        updateWithTeacher.close();
        inputs.close();
        loss.close();
        arena.close();
        adamw.close();
        model.close();
    }
}
