package sdae.train;

import java.util.Arrays;
import java.util.Locale;
import java.util.function.Consumer;
import sdae.config.Config;
import sdae.data.Batch;
import sdae.data.BatchLoader;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.nn.AdamW;
import sdae.tensor.Backend;
import sdae.tensor.Tensor;

/** One update from several micro steps: gradients add up, are checked and clipped, and AdamW moves the weights. */
final class Updater implements AutoCloseable {
    private final Config config;
    private final AdamW adamw;
    private final Tensor loss;
    private final Consumer<Batch> inputs;
    private final Repeated gradients;
    private final Repeated update;
    private final Repeated updateWithTeacher;

    /**
     * @param loss [1], where {@code addGradients} leaves the micro step's loss
     * @param inputs brings a batch to the device
     * @param addGradients forward and backward of that batch: launches only
     */
    Updater(Config config, Backend backend, AdamW adamw, Tensor loss, Consumer<Batch> inputs, Runnable addGradients) {
        this.config = config;
        this.adamw = adamw;
        this.loss = loss;
        this.inputs = inputs;
        boolean graphs = config.flag("device.graphs") && !config.flag("device.events");
        gradients = new Repeated(backend, graphs, addGradients);
        update = new Repeated(backend, graphs, () -> adamw.apply(false));
        updateWithTeacher = new Repeated(backend, graphs, () -> adamw.apply(true));
    }

    /** {@code momentum}: of what follows the weights; negative or NaN: nothing does. */
    Task.Step step(long number, Plan plan, BatchLoader loader, boolean wantNorm, double momentum) {
        int micro = config.integer("train.accumulate");
        double loss = 0;
        for (int i = 0; i < micro; i++) {
            Batch batch = loader.next();
            inputs.accept(batch);
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
        adamw.prepare(lr, decay, scale / micro, momentum);
        (momentum >= 0 ? updateWithTeacher : update).run();
        return new Task.Step(number, loss, lr, decay, momentum, norm);
    }

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
                        Locale.ROOT,
                        "%s at step %d (epoch %.2f%s); the update was not made. Go on from the last checkpoint with a lower"
                                + " optim.lr, a longer train.warmup_epochs or optim.clip=1",
                        what,
                        number,
                        plan.epochAt(number - 1),
                        where));
    }

    @Override
    public void close() {
        gradients.close();
        update.close();
        updateWithTeacher.close();
    }
}
