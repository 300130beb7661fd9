package sdae.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static sdae.train.SmallRuns.after;
import static sdae.train.SmallRuns.curves;
import static sdae.train.SmallRuns.run;
import static sdae.train.SmallRuns.weights;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sdae.config.Config;
import sdae.io.Progress;

/** Signals between steps and in the middle of evaluations, and what such an evaluation shows. */
class StopTest {
    private static final int STEPS = 2;
    private static final List<String> MEASURED =
            List.of("final_loss", "knn_untrained", "knn_raw_pixels", "knn_trained", "top1", "top1_ema", "top5");

    @TempDir
    static Path images;

    @TempDir
    Path folder;

    @BeforeAll
    static void draw() throws IOException {
        SmallRuns.draw(images, 45, 3, 0.2);
    }

    /** Evaluations before and after, and after each of the steps between. */
    private static Config config(String preset, String... more) {
        List<String> sets = new ArrayList<>(SmallRuns.SIZES);
        sets.addAll(List.of(
                "data.path=" + images,
                "data.holdout=0.4",
                "train.batch=6",
                "train.accumulate=2",
                "train.steps=" + STEPS,
                "eval.every_epochs=0.01",
                "eval.knn_k=3"));
        sets.addAll(List.of(more));
        return Config.load(null, preset, sets);
    }

    private static Config finetuning(String... more) {
        List<String> sets = new ArrayList<>(List.of("finetune.from=scratch", "finetune.ema=0.9"));
        sets.addAll(List.of(more));
        return config("finetune", sets.toArray(String[]::new));
    }

    /** Stops at every {@code stride}th question that a run asks, and compares what a second start makes of it. */
    private void stopEverywhere(Config config, Config other, int leastQuestions, int stride) throws IOException {
        Path whole = folder.resolve("whole");
        int[] questions = {0};
        Run.Outcome expected = run(config, whole, false, () -> {
            questions[0]++;
            return null;
        });
        assertTrue(questions[0] >= leastQuestions, "asked " + questions[0] + " times");
        int unmeasured = 0;
        for (int stop = 0; stop < questions[0]; stop += stride) {
            String at = "stopped at question " + stop + " of " + questions[0];
            Path cut = folder.resolve("cut" + stop);
            int[] after = {0};
            Supplier<String> signal = after(stop);
            Run.Outcome first = run(other, cut, false, () -> {
                String name = signal.get();
                after[0] += name == null ? 0 : 1;
                return name;
            });
            assertFalse(first.finished(), at);
            assertEquals(2, after[0], at + ": asked on after the signal, but to name it");
            assertFalse(Files.exists(cut.resolve("summary.json")), at);
            assertEquals(
                    first.step() > 0, Files.exists(cut.resolve("checkpoints/step-%010d".formatted(first.step()))), at);
            unmeasured += lastStep(cut) < first.step() ? 1 : 0;
            Run.Outcome second = run(other, cut, true, () -> null);
            assertTrue(second.finished(), at);
            assertEquals(weights(whole, STEPS), weights(cut, STEPS), at);
            assertEquals(curves(whole), curves(cut), at);
            assertEquals(Files.readString(whole.resolve("evals.csv")), Files.readString(cut.resolve("evals.csv")), at);
            assertEquals(expected.summary().keySet(), second.summary().keySet(), at);
            for (String key : MEASURED) {
                assertEquals(expected.summary().get(key), second.summary().get(key), at + ": " + key);
            }
        }
        assertTrue(unmeasured > STEPS, "evaluations were stopped " + unmeasured + " times");
    }

    @Test
    void aPretrainingStoppedAnywhereAndResumedLeavesTheSameFiles() throws IOException {
        stopEverywhere(
                config(null, "threads=1"), config(null, "threads=3", "data.workers=2"), 7 * (STEPS + 1) + 3 + STEPS, 3);
    }

    @Test
    void aFineTuningStoppedAnywhereAndResumedLeavesTheSameFiles() throws IOException {
        stopEverywhere(
                finetuning("threads=1"), finetuning("threads=3", "data.workers=2"), 2 * (STEPS + 1) + 2 + STEPS, 2);
        for (String file : List.of("confusion.csv", "confusion.png")) {
            assertArrayEquals(
                    Files.readAllBytes(folder.resolve("whole").resolve(file)),
                    Files.readAllBytes(folder.resolve("cut0").resolve(file)));
        }
    }

    /** A process that is killed between the last checkpoint and the summary leaves this. */
    @Test
    void aRunOfWhichOnlyTheSummaryIsMissingGetsTheSameOne() throws IOException {
        for (Config config : List.of(config(null), finetuning())) {
            Path run = folder.resolve(config.text("objective"));
            Run.Outcome expected = run(config, run, false, () -> null);
            String evals = Files.readString(run.resolve("evals.csv"));
            String profile = Files.readString(run.resolve("profile.csv"));
            Files.delete(run.resolve("summary.json"));
            Run.Outcome again = run(config, run, true, () -> null);
            assertEquals(expected.summary().keySet(), again.summary().keySet());
            for (String key : MEASURED) {
                assertEquals(expected.summary().get(key), again.summary().get(key), key);
            }
            assertEquals(
                    expected.summary().get("gflop_per_step"), again.summary().get("gflop_per_step"));
            assertEquals(evals, Files.readString(run.resolve("evals.csv")));
            assertEquals(profile, Files.readString(run.resolve("profile.csv")));
        }
    }

    @Test
    void aLongEvaluationShowsHowFarItIsAndAShortOneNothing() throws IOException {
        for (int seconds : new int[] {0, 4}) {
            ByteArrayOutputStream shown = new ByteArrayOutputStream();
            long[] time = {0};
            Progress progress = new Progress(
                    new PrintStream(shown, true, StandardCharsets.UTF_8), () -> time[0] += seconds * 1_000_000_000L);
            run(config(null), folder.resolve("slow" + seconds), false, progress, () -> null);
            Pattern line =
                    Pattern.compile("^evaluation \\d+/\\d+  \\d+\\.\\d images/s  ETA \\d+:\\d\\d$", Pattern.MULTILINE);
            long lines = line.matcher(shown.toString(StandardCharsets.UTF_8))
                    .results()
                    .count();
            assertTrue(seconds == 0 ? lines == 0 : lines > STEPS, shown.toString(StandardCharsets.UTF_8));
        }
    }

    /** Of the last row of evals.csv, or -1. */
    private static long lastStep(Path run) throws IOException {
        List<String> lines = Files.readAllLines(run.resolve("evals.csv"));
        String last = lines.get(lines.size() - 1);
        return lines.size() == 1 ? -1 : Long.parseLong(last.substring(0, last.indexOf(',')));
    }
}
