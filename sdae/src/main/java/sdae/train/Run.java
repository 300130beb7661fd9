package sdae.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import sdae.config.Config;
import sdae.data.BatchLoader;
import sdae.data.RunData;
import sdae.io.AtomicFolder;
import sdae.io.CheckpointStore;
import sdae.io.CsvLog;
import sdae.io.Disk;
import sdae.io.ExitCode;
import sdae.io.Json;
import sdae.io.Progress;
import sdae.io.RunLock;
import sdae.io.TensorBoardWriter;
import sdae.io.UserError;
import sdae.kernels.Native;
import sdae.tensor.Devices;
import sdae.tensor.ParameterBuffer;

/**
 * One pretraining run in its folder: config.yaml, metrics.csv, evals.csv, profile.csv, TensorBoard events, checkpoints,
 * summary.json. The same config gives the same bits, however often it was stopped and resumed.
 */
public final class Run implements AutoCloseable {
    private static final List<String> METRICS =
            List.of("epoch", "loss", "lr", "momentum", "weight_decay", "grad_norm", "images_per_s", "seconds");

    private final Config config;
    private final Path folder;
    private final Progress progress;
    private final Supplier<String> stop;
    private final Disk disk = Disk.real();
    private final RunLock lock;
    private final RunData data;
    private final Profiler profiler;
    private final Trainer trainer;
    private final Plan plan;
    private final Evaluation evaluation;
    private final CheckpointStore checkpoints;
    private final Map<String, Object> summary = new LinkedHashMap<>();
    private long done;
    private long profiled;
    private double secondsBefore;

    /** How a run ended. */
    public record Outcome(Path folder, boolean finished, long step, Map<String, Object> summary) {}

    /**
     * Prepares a new run in an empty folder, or one to be resumed from its last good checkpoint.
     *
     * @param stop asked before every step: the name of the signal that has come, or null
     */
    public Run(Config config, Path folder, boolean resume, Progress progress, Supplier<String> stop)
            throws IOException {
        this.config = config;
        this.folder = folder;
        this.progress = progress;
        this.stop = stop;
        Machine.useThreads(config.integer("threads"));
        data = RunData.open(config);
        AtomicFolder.createFolders(disk, folder.toAbsolutePath());
        lock = RunLock.acquire(folder);
        profiler = new Profiler(Devices.open(config.text("device"), config.dtype()));
        trainer = new Trainer(config, profiler.backend());
        plan = new Plan(config, batchesPerEpoch());
        evaluation = new Evaluation(config, data, trainer.model(), profiler.backend());
        checkpoints = CheckpointStore.open(disk, folder, config.integer("checkpoint.keep"), lock, progress::say);
        try {
            start(resume);
        } catch (IOException | RuntimeException e) {
            close();
            throw e;
        }
    }

    private void start(boolean resume) throws IOException {
        if (resume) {
            restore();
        } else {
            trainer.initialise();
            AtomicFolder.writeFile(
                    disk, folder.resolve("config.yaml"), config.toYaml().getBytes(StandardCharsets.UTF_8));
        }
    }

    private int batchesPerEpoch() {
        int batches = data.train().size() / config.integer("train.batch");
        if (batches == 0) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "config: train.batch " + config.integer("train.batch") + " is more than the "
                            + data.train().size() + " training images; lower it");
        }
        return batches;
    }

    private void restore() throws IOException {
        Optional<CheckpointStore.Checkpoint> last = checkpoints.latestGood();
        if (last.isEmpty()) {
            progress.say("no checkpoint in " + folder + " yet; starting at step 0");
            trainer.initialise();
            return;
        }
        var state = last.get().state();
        if (!state.path("data").asString("").equals(data.train().fingerprint())) {
            throw new UserError(
                    ExitCode.CHECKPOINT,
                    "resume: the images of " + config.text("data.path") + " are not those that "
                            + last.get().folder() + " was trained on; restore them, or start a new run");
        }
        if (!state.path("config").asString("").equals(config.hash())) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "resume: the config is not the one of " + last.get().folder()
                            + "; settings that change what is learned need a new run");
        }
        Checkpoints.restore(last.get(), trainer.model(), trainer.adamw());
        done = last.get().step();
        secondsBefore = state.path("seconds").asDouble(0);
        for (String key : List.of("knn_untrained", "knn_raw_pixels")) {
            if (state.path(key).isNumber()) {
                summary.put(key, state.path(key).asDouble());
            }
        }
        progress.say("resuming " + folder + " after step " + done);
    }

    /** Trains to the end, or until a signal comes. */
    public Outcome train() throws IOException {
        checkpoints.preflight(checkpointBytes());
        long resumed = done == 0 ? -1 : done;
        try (CsvLog metrics = CsvLog.open(disk, folder.resolve("metrics.csv"), METRICS, resumed);
                CsvLog evals = CsvLog.open(disk, folder.resolve("evals.csv"), Evaluation.COLUMNS, resumed);
                TensorBoardWriter board = TensorBoardWriter.open(disk, folder, done, Clock.systemUTC())) {
            if (done == 0) {
                before(evals, board);
            }
            loop(metrics, evals, board);
        }
        boolean finished = done == plan.updates();
        return new Outcome(folder, finished, done, finished ? finish() : summary);
    }

    /** Weights of student and teacher and the two moments of AdamW, all F32. */
    private long checkpointBytes() {
        ParameterBuffer teacher = trainer.model().teacher();
        return Float.BYTES * (3 * trainer.model().student().count() + (teacher == null ? 0 : teacher.count()));
    }

    private void before(CsvLog evals, TensorBoardWriter board) throws IOException {
        progress.say(config.text("objective") + " on " + config.text("data.path") + ": "
                + data.train().size()
                + " images, " + trainer.model().student().count() + " student parameters, " + plan.updates()
                + " steps, "
                + config.patches().visible() + " of " + config.patches().all() + " patches visible, "
                + config.patches().folds() + " folds of " + config.patches().foldSize() + ", " + Native.sk_threads()
                + " threads");
        if (trainer.model().teacher() != null && plan.halfLife() < 0.01 * plan.updates()) {
            progress.say(String.format(
                    java.util.Locale.ROOT,
                    "warning: the teacher forgets half in %.1f of %d steps, under 1 %% of the run: it may collapse",
                    plan.halfLife(),
                    plan.updates()));
        }
        if (!config.flag("eval.run")) {
            return;
        }
        Map<String, Double> values = evaluate(evals, board);
        if (values.containsKey("knn_student")) {
            summary.put("knn_untrained", values.get("knn_student"));
            summary.put("knn_raw_pixels", evaluation.knnOfPixels());
        }
    }

    private Map<String, Double> evaluate(CsvLog evals, TensorBoardWriter board) throws IOException {
        Map<String, Double> values = evaluation.run();
        evals.append(done, Evaluation.row(plan.epochAt(done), values));
        board.scalars(done, values);
        if (values.containsKey("knn_student")) {
            progress.say(String.format(
                    java.util.Locale.ROOT,
                    "epoch %.2f: kNN %.3f, effective rank %.1f",
                    plan.epochAt(done),
                    best(values),
                    values.get("effective_rank")));
        }
        return values;
    }

    /** kNN of the network that a user takes away: the teacher where there is one. */
    private static double best(Map<String, Double> values) {
        return values.getOrDefault("knn_teacher", values.get("knn_student"));
    }

    private void loop(CsvLog metrics, CsvLog evals, TensorBoardWriter board) throws IOException {
        if (done >= plan.updates()) {
            return;
        }
        double training = secondsBefore;
        double rate = 0;
        try (BatchLoader loader = data.loader(config, plan.dataEpoch(done), plan.dataStep(done))) {
            while (done < plan.updates() && stop.get() == null) {
                boolean log = (done + 1) % config.integer("log.every") == 0 || done + 1 == plan.updates();
                long start = System.nanoTime();
                // Kernels of a replayed graph pass the profiler by.
                boolean counts = !trainer.replays();
                profiler.count(counts);
                Trainer.Step step = trainer.step(done + 1, plan, loader, log);
                profiler.count(false);
                profiled += counts && !trainer.replays() ? 1 : 0;
                double seconds = (System.nanoTime() - start) * 1e-9;
                training += seconds;
                done++;
                double now = config.imagesPerStep() / seconds;
                rate = rate == 0 ? now : 0.9 * rate + 0.1 * now;
                double left = (plan.updates() - done) * config.imagesPerStep() / rate;
                progress.show(
                        done == plan.updates(),
                        done,
                        plan.updates(),
                        plan.epochAt(done),
                        plan.epochs(),
                        step.loss(),
                        rate,
                        left);
                if (log) {
                    log(metrics, board, step, rate, training);
                }
                summary.put("final_loss", step.loss());
                boolean last = done == plan.updates();
                if (config.flag("eval.run") && (last || plan.passes(config.number("eval.every_epochs"), done))) {
                    Map<String, Double> values = evaluate(evals, board);
                    if (last && values.containsKey("knn_student")) {
                        summary.put("knn_trained", best(values));
                    }
                }
                if (last || plan.passes(config.number("checkpoint.every_epochs"), done)) {
                    save(training);
                }
            }
            summary.put("loader_wait_seconds", loader.waitedSeconds());
        }
        if (done < plan.updates()) {
            save(training);
            progress.say(stop.get() + ": saved after step " + done + "; go on with: sdae pretrain --resume " + folder);
        }
        summary.put("train_seconds", training);
    }

    private void log(CsvLog metrics, TensorBoardWriter board, Trainer.Step step, double rate, double seconds)
            throws IOException {
        boolean moved = step.momentum() >= 0;
        metrics.append(
                step.number(),
                plan.epochAt(step.number()),
                step.loss(),
                step.learningRate(),
                moved ? step.momentum() : null,
                step.weightDecay(),
                step.gradientNorm(),
                rate,
                seconds);
        board.scalars(
                step.number(),
                Map.of(
                        "loss",
                        step.loss(),
                        "lr",
                        step.learningRate(),
                        "grad_norm",
                        step.gradientNorm(),
                        "images_per_s",
                        rate));
    }

    private void save(double seconds) throws IOException {
        Map<String, Object> state = new LinkedHashMap<>();
        state.put("step", done);
        state.put("epoch", plan.epochAt(done));
        state.put("seconds", seconds);
        state.put("config", config.hash());
        state.put("data", data.train().fingerprint());
        state.put("isa", sdae.kernels.Kernels.isa());
        for (String key : List.of("knn_untrained", "knn_raw_pixels")) {
            if (summary.containsKey(key)) {
                state.put(key, summary.get(key));
            }
        }
        checkpoints.save(done, Checkpoints.files(profiler.backend(), trainer.model(), trainer.adamw()), state);
    }

    private Map<String, Object> finish() throws IOException {
        double seconds = (double) summary.getOrDefault("train_seconds", 0.0);
        writeProfile();
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("objective", config.text("objective"));
        all.put("steps", done);
        all.put("images", done * config.imagesPerStep());
        all.put("seconds", seconds);
        all.put("images_per_s", done * config.imagesPerStep() / Math.max(1e-9, seconds));
        all.putAll(summary);
        all.put("gflop_per_step", profiler.flops() * 1e-9 / Math.max(1, profiled));
        all.put("fma_peak_gflops", Native.sk_probe_fma_gflops(0.5));
        all.put("peak_rss_bytes", Machine.peakResidentBytes());
        all.put("arena_bytes", trainer.arenaBytes());
        all.put("native_peak_bytes", Native.sk_peak_bytes());
        all.put("config_hash", config.hash());
        all.put(
                "version",
                Optional.ofNullable(Run.class.getPackage().getImplementationVersion())
                        .orElse("0.1.0-SNAPSHOT"));
        all.putAll(Machine.describe());
        Json.write(disk, folder.resolve("summary.json"), all);
        return all;
    }

    private void writeProfile() throws IOException {
        Files.deleteIfExists(folder.resolve("profile.csv"));
        StringBuilder text = new StringBuilder("part,calls,seconds,gflop,bytes\n");
        profiler.parts()
                .forEach((name, part) -> text.append(String.format(
                        java.util.Locale.ROOT,
                        "%s,%d,%.6f,%.3f,%.0f%n",
                        name,
                        part.calls(),
                        part.seconds(),
                        part.gflop(),
                        part.bytes())));
        AtomicFolder.writeFile(
                disk, folder.resolve("profile.csv"), text.toString().getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void close() throws IOException {
        trainer.close();
        data.close();
        lock.close();
    }
}
