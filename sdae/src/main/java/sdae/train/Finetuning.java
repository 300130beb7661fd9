package sdae.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import sdae.config.Config;
import sdae.data.BatchLoader;
import sdae.data.FinetuneAugment;
import sdae.data.RunData;
import sdae.eval.Backbone;
import sdae.eval.Classes;
import sdae.eval.Duplicates;
import sdae.eval.Score;
import sdae.io.CheckpointStore.Checkpoint;
import sdae.io.ExitCode;
import sdae.io.Pace;
import sdae.io.SafetensorsWriter;
import sdae.io.UserError;
import sdae.model.Classifier;
import sdae.model.Classifier.Pool;
import sdae.nn.AdamW;
import sdae.nn.Init;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.CrossEntropyOp;
import sdae.weights.WeightsFile;

/**
 * Fine-tuning (SdAE main_finetune): all weights of an encoder and a new head, layer by layer at falling rates, on mixed,
 * smoothed and augmented images. Judged by top-1 and top-5 on the whole test part; the last epoch counts, not the best one.
 */
final class Finetuning implements Task {
    private static final String AVERAGED = "ema.safetensors";
    private static final double PRETRAINED_HEAD = 2e-5;
    private static final double SCRATCH_HEAD = 0.02;

    private final Config config;
    private final RunData data;
    private final Backend backend;
    private final Consumer<String> say;
    private final Pool pool;
    private final int classes;
    private final Classifier classifier;
    private final Classifier averaged;
    private final AdamW adamw;
    private final FinetuneInputs inputs;
    private final Arena arena;
    private final Tensor loss;
    private final Updater updater;
    private Score score;

    Finetuning(Config config, RunData data, Backend backend, Consumer<String> say) {
        this.config = config;
        this.data = data;
        this.backend = backend;
        this.say = say;
        data.train().requireLabels();
        if (!data.labelled()) {
            throw new UserError(
                    ExitCode.DATA,
                    "finetune: training and test part of " + config.text("data.path") + " have other classes: "
                            + data.train().classes().size() + " and "
                            + data.test().classes().size());
        }
        classes = data.train().classes().size();
        pool = config.text("finetune.pool").equals("cls") ? Pool.CLASS_TOKEN : Pool.MEAN;
        classifier = new Classifier(backend, config.model(), classes, pool, config.dtype(), true);
        averaged = config.number("finetune.ema") > 0
                ? new Classifier(backend, config.model(), classes, pool, config.dtype(), false)
                : null;
        adamw = new AdamW(
                backend,
                classifier.parameters(),
                averaged == null ? null : averaged.parameters(),
                Classifier.scales(config.model().depth(), config.number("finetune.layer_decay")),
                config.number("optim.beta1"),
                config.number("optim.beta2"),
                config.number("optim.eps"));
        inputs = new FinetuneInputs(backend, config, classes);
        arena = new Arena(backend).recomputing(config.flag("train.recompute"));
        loss = Tensor.persistent(backend, DType.F32, 1);
        updater = new Updater(config, backend, adamw, loss, inputs::set, this::addGradients);
    }

    @Override
    public List<String> describe(Plan plan) {
        return List.of(String.format(
                Locale.ROOT,
                "fine-tuning %s on %s: %d images of %d classes, %d test images, %d parameters, %d steps, lr %.3g",
                config.text("finetune.from").equals("scratch") ? "from scratch" : config.text("finetune.from"),
                config.text("data.path"),
                data.train().size(),
                classes,
                data.test().size(),
                classifier.parameters().count(),
                plan.updates(),
                config.peakLearningRate()));
    }

    @Override
    public void initialise() throws IOException {
        String from = config.text("finetune.from");
        boolean scratch = from.equals("scratch");
        classifier.init(
                new Init(config.longInteger("seed")),
                config.text("init.patch_bias").equals("zero"),
                scratch ? SCRATCH_HEAD : PRETRAINED_HEAD);
        if (!scratch) {
            boolean strict = config.flag("finetune.strict");
            Path file = new Backbone.Origin(
                            Path.of(from),
                            config.text("finetune.network").equals("teacher")
                                    ? Backbone.Network.TEACHER
                                    : Backbone.Network.STUDENT,
                            List.of(),
                            strict)
                    .file();
            WeightsFile.load(
                    file,
                    classifier.parameters(),
                    WeightsFile.Rules.of(config.model(), strict)
                            .except(
                                    name -> name.startsWith("fc_norm.") || name.startsWith("head."),
                                    name -> pool == Pool.MEAN && name.startsWith("norm.")),
                    say);
        }
        if (averaged != null) {
            averaged.parameters().values().set(classifier.parameters().values());
            averaged.parameters().round();
        }
    }

    @Override
    public BatchLoader loader(int epoch, int step) {
        try {
            var augment = new FinetuneAugment(
                    data.crop(config),
                    data.normalization(),
                    config.text("finetune.randaugment"),
                    config.number("finetune.erase"));
            return data.loader(config, augment, epoch, step);
        } catch (IllegalArgumentException e) {
            throw new UserError(ExitCode.CONFIG, "config: finetune.randaugment " + e.getMessage(), e);
        }
    }

    @Override
    public Step step(long number, Plan plan, BatchLoader loader, boolean wantNorm) {
        double momentum = averaged == null ? Double.NaN : config.number("finetune.ema");
        return updater.step(number, plan, loader, wantNorm, momentum);
    }

    private void addGradients() {
        try (Tape tape = arena.open()) {
            Tensor features = classifier.features(inputs.images(tape), pool, inputs.dropPath(tape));
            Tensor one = CrossEntropyOp.apply(classifier.logits(features), inputs.targets(tape));
            loss.set(one);
            tape.backward(one);
        }
    }

    @Override
    public boolean replays() {
        return updater.replays();
    }

    @Override
    public List<String> evalColumns() {
        return List.of("epoch", "top1", "top5", "top1_low", "top1_high", "top1_ema");
    }

    @Override
    public Map<String, Double> evaluate(Pace pace) {
        pace.expect((averaged == null ? 1L : 2L) * data.test().size());
        score = score(classifier, pace);
        Map<String, Double> values = new LinkedHashMap<>();
        values.put("top1", score.top1());
        values.put("top5", score.top5());
        values.put("top1_low", score.interval()[0]);
        values.put("top1_high", score.interval()[1]);
        if (averaged != null) {
            values.put("top1_ema", score(averaged, pace).top1());
        }
        return values;
    }

    private Score score(Classifier network, Pace pace) {
        return Classes.score(network, pool, config.model(), backend, data.test(), data.normalization(), pace::batch);
    }

    @Override
    public String evalLine(Map<String, Double> values) {
        return "test " + score.text() + String.format(Locale.ROOT, ", top-5 %.2f %%", 100 * score.top5())
                + (averaged == null
                        ? ""
                        : String.format(Locale.ROOT, ", averaged weights %.2f %%", 100 * values.get("top1_ema")));
    }

    @Override
    public void first(Map<String, Double> values, Map<String, Object> summary, Pace pace) {
        if (config.flag("eval.duplicates")) {
            pace.expect((long) data.train().size() + data.test().size());
            Duplicates twins = Duplicates.between(data.train(), data.test(), pace::batch);
            if (twins.count() > 0) {
                say.accept(twins.text());
            }
            summary.put("duplicates_across_splits", twins.count());
        }
    }

    @Override
    public void last(Map<String, Double> values, Map<String, Object> summary) {
        summary.putAll(score.accuracies());
        summary.put("test_images", score.count());
        if (averaged != null) {
            summary.put("top1_ema", values.get("top1_ema"));
        }
    }

    @Override
    public List<String> carried() {
        return List.of("duplicates_across_splits");
    }

    @Override
    public void finish(Path folder, Map<String, Object> summary) throws IOException {
        summary.put("from", config.text("finetune.from"));
        if (score != null) {
            Classes.write(folder, score, data.train().classes());
            say.accept(score.table(data.train().classes()).stripTrailing());
        }
    }

    @Override
    public Map<String, SafetensorsWriter> files() {
        Map<String, SafetensorsWriter> files = new TreeMap<>();
        files.put(WeightsFile.CLASSIFIER, Checkpoints.weights(backend, config.model(), classifier.parameters()));
        if (averaged != null) {
            files.put(AVERAGED, Checkpoints.weights(backend, config.model(), averaged.parameters()));
        }
        files.put(Checkpoints.OPTIMIZER, Checkpoints.moments(backend, adamw));
        return files;
    }

    @Override
    public void restore(Checkpoint checkpoint) throws IOException {
        WeightsFile.load(checkpoint.file(WeightsFile.CLASSIFIER), classifier.parameters());
        if (averaged != null) {
            WeightsFile.load(checkpoint.file(AVERAGED), averaged.parameters());
        }
        Checkpoints.restore(checkpoint, adamw);
    }

    @Override
    public long checkpointBytes() {
        return Float.BYTES * classifier.parameters().count() * (averaged == null ? 3 : 4);
    }

    @Override
    public long arenaBytes() {
        return arena.slabBytes();
    }

    @Override
    public void close() {
        updater.close();
        inputs.close();
        loss.close();
        arena.close();
        adamw.close();
        classifier.close();
        if (averaged != null) {
            averaged.close();
        }
    }
}
