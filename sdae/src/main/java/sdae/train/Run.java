package sdae.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.function.Supplier;
import java.util.stream.Stream;
import sdae.config.Config;
import sdae.data.BatchLoader;
import sdae.data.RunData;
import sdae.io.AtomicFolder;
import sdae.io.CheckpointStore;
import sdae.io.Disk;
import sdae.io.ExitCode;
import sdae.io.Json;
import sdae.io.Pace;
import sdae.io.Progress;
import sdae.io.RunLock;
import sdae.io.UserError;
import sdae.kernels.Native;
import sdae.tensor.Devices;
import sdae.tensor.GemmChoice;

/**
 * One run of training in its folder: config.yaml, metrics.csv, evals.csv, profile.csv, TensorBoard events, checkpoints,
 * summary.json. The same config gives the same bits, however often it was stopped and resumed.
 */
public final class Run implements AutoCloseable {
    private final Config config;
    private final Path folder;
    private final Progress progress;
    private final Supplier<String> stop;
    private final Disk disk = Disk.real();
    private final RunLock lock;
    private final RunData data;
    private final Profiler profiler;
    private final Task task;
    private final Plan plan;
    private final CheckpointStore checkpoints;
    private final Map<String, Object> summary = new LinkedHashMap<>();
    private long done;
    private long profiled;
    private double trained;

    /** How a run ended. */
    public record Outcome(Path folder, boolean finished, long step, Map<String, Object> summary) {}

    /**
     * Prepares a new run in an empty folder, or one to be resumed from its last good checkpoint.
     *
     * @param stop asked before every step and every batch of an evaluation: the name of the signal that has come, or null
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
        profiler = new Profiler(
                Devices.open(
                        config.text("device"),
                        GemmChoice.of(config.text("device.gemm")),
                        config.flag("device.gemm_timing")),
                config.flag("device.events"));
        task = config.classifies()
                ? new Finetuning(config, data, profiler.backend(), progress::say)
                : new Pretraining(config, data, profiler.backend(), progress::say);
        plan = plan(config, data.train().size());
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
            task.initialise();
            AtomicFolder.writeFile(
                    disk, folder.resolve("config.yaml"), config.toYaml().getBytes(StandardCharsets.UTF_8));
        }
    }

    /** Updates that so many training images make. @throws UserError (exit 2) if that is none */
    public static long updates(Config config, int images) {
        return plan(config, images).updates();
    }

    private static Plan plan(Config config, int images) {
        int batches = images / config.integer("train.batch");
        if (batches == 0) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "config: train.batch " + config.integer("train.batch") + " is more than the " + images
                            + " training images; lower it");
        }
        return new Plan(config, batches);
    }

    private void restore() throws IOException {
        Optional<CheckpointStore.Checkpoint> last = checkpoints.latestGood();
        if (last.isEmpty()) {
            progress.say("no checkpoint in " + folder + " yet; starting at step 0");
            task.initialise();
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
        task.restore(last.get());
        done = last.get().step();
        trained = state.path("seconds").asDouble(0);
        for (String key : carried()) {
            if (state.path(key).isNumber()) {
                summary.put(key, state.path(key).asDouble());
            }
        }
        progress.say("resuming " + folder + " after step " + done);
    }

    private List<String> carried() {
        return Stream.concat(task.carried().stream(), Stream.of("final_loss", "gflop_per_step"))
                .toList();
    }

    /** Trains to the end, or until a signal comes. */
    public Outcome train() throws IOException {
        checkpoints.preflight(task.checkpointBytes());
        boolean finished;
        try (Curves curves = new Curves(disk, folder, task.evalColumns(), done, done == plan.updates())) {
            if (done == 0) {
                task.describe(plan).forEach(progress::say);
            }
            finished = evaluate(curves) && loop(curves);
            if (!finished) {
                if (done > 0) { // before that, a resumed run starts anew, to the same bits
                    save();
                }
                writeProfile();
                progress.say(stop.get() + (done > 0 ? ": saved after step " + done : ": ended before step 1"));
            }
        }
        summary.put("train_seconds", trained);
        return new Outcome(folder, finished, done, finished ? finish() : summary);
    }

    /** Measures what the network is worth, if that is due and not known yet; false if a signal came first. */
    private boolean evaluate(Curves curves) throws IOException {
        boolean first = done == 0;
        boolean last = done == plan.updates();
        boolean due = first || last || plan.passes(config.number("eval.every_epochs"), done);
        if (!config.flag("eval.run") || !due || curves.evaluated(done)) {
            return true;
        }
        Map<String, Double> values;
        try {
            Pace pace = new Pace(progress, "evaluation", stop);
            values = task.evaluate(pace);
            if (first) {
                task.first(values, summary, pace);
            }
        } catch (CancellationException e) {
            return false;
        }
        if (last) {
            task.last(values, summary);
        }
        curves.evaluation(done, plan.epochAt(done), values);
        String line = task.evalLine(values);
        if (line != null) {
            progress.say(String.format(Locale.ROOT, "epoch %.2f: %s", plan.epochAt(done), line));
        }
        return true;
    }

    /** All steps that are left; false if a signal came first. */
    private boolean loop(Curves curves) throws IOException {
        if (done >= plan.updates()) {
            summary.put("loader_wait_seconds", 0.0);
            return true;
        }
        double rate = 0;
        try (BatchLoader loader = task.loader(plan.dataEpoch(done), plan.dataStep(done))) {
            while (done < plan.updates()) {
                if (stop.get() != null) {
                    return false;
                }
                boolean log = (done + 1) % config.integer("log.every") == 0 || done + 1 == plan.updates();
                long start = System.nanoTime();
                // Kernels of a replayed graph pass the profiler by.
                boolean counts = !task.replays();
                profiler.count(counts);
                Task.Step step = task.step(done + 1, plan, loader, log);
                profiler.count(false);
                profiled += counts && !task.replays() ? 1 : 0;
                double seconds = (System.nanoTime() - start) * 1e-9;
                trained += seconds;
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
                    curves.step(step, plan.epochAt(done), rate, trained);
                }
                summary.put("final_loss", step.loss());
                if (!evaluate(curves)) {
                    return false;
                }
                if (done == plan.updates() || plan.passes(config.number("checkpoint.every_epochs"), done)) {
                    save();
                }
            }
            summary.put("loader_wait_seconds", loader.waitedSeconds());
        }
        return true;
    }

    private void save() throws IOException {
        if (profiled > 0) {
            summary.put("gflop_per_step", profiler.flops() * 1e-9 / profiled);
        }
        Map<String, Object> state = new LinkedHashMap<>();
        state.put("step", done);
        state.put("epoch", plan.epochAt(done));
        state.put("seconds", trained);
        state.put("config", config.hash());
        state.put("data", data.train().fingerprint());
        state.put("isa", sdae.kernels.Kernels.isa());
        for (String key : carried()) {
            if (summary.containsKey(key)) {
                state.put(key, summary.get(key));
            }
        }
        checkpoints.save(done, task.files(), state);
    }

    private Map<String, Object> finish() throws IOException {
        writeProfile();
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("objective", config.text("objective"));
        all.put("steps", done);
        all.put("images", done * config.imagesPerStep());
        all.put("seconds", trained);
        all.put("images_per_s", done * config.imagesPerStep() / Math.max(1e-9, trained));
        all.putAll(summary);
        task.finish(folder, all);
        all.put("fma_peak_gflops", Native.sk_probe_fma_gflops(0.5));
        all.put("peak_rss_bytes", Machine.peakResidentBytes());
        all.put("arena_bytes", task.arenaBytes());
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

    /** Of the steps since the start or the last resume; if there were none, what is there stays. */
    private void writeProfile() throws IOException {
        if (profiled == 0) {
            return;
        }
        AtomicFolder.writeFile(
                disk, folder.resolve("profile.csv"), profiler.csv().getBytes(StandardCharsets.UTF_8));
    }

    @Override
    public void close() throws IOException {
        task.close();
        data.close();
        lock.close();
    }
}
