package sdae.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static sdae.train.SmallRuns.after;
import static sdae.train.SmallRuns.curves;
import static sdae.train.SmallRuns.losses;
import static sdae.train.SmallRuns.run;
import static sdae.train.SmallRuns.weights;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import sdae.config.Config;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.kernels.Native;
import sdae.tensor.Devices;
import sdae.tensor.TestDevices;
import sdae.tensor.cuda.CudaBackend;

class RunTest {
    private static final List<String> SMALL = List.of(
            "train.batch=5",
            "train.accumulate=2",
            "train.steps=7",
            "student.drop_path=0.2",
            "eval.knn_train=20",
            "eval.knn_test=10",
            "eval.knn_k=3");

    @TempDir
    static Path shared;

    @TempDir
    Path folder;

    @BeforeAll
    static void images() throws IOException {
        SmallRuns.draw(shared.resolve("images"), 40, 4, 0.05);
    }

    private static Config config(String... more) {
        List<String> sets = new ArrayList<>(SmallRuns.SIZES);
        sets.addAll(SMALL);
        sets.add("data.path=" + shared.resolve("images"));
        sets.addAll(List.of(more));
        return Config.load(null, null, sets);
    }

    @ParameterizedTest
    @ValueSource(strings = {"f32", "bf16"})
    void stoppingAnywhereAndResumingGivesTheSameBitsForAnyThreadsAndWorkers(String dtype) throws IOException {
        Path whole = folder.resolve("whole");
        run(config("threads=1", "data.workers=0", "model.dtype=" + dtype), whole, false, () -> null);
        Map<String, String> expected = weights(whole, 7);
        assertEquals(3, expected.size());
        List<String> curves = curves(whole);
        for (int stop : new int[] {0, 1, 3, 6}) {
            Path cut = folder.resolve("cut" + stop);
            Config other = config("threads=3", "data.workers=2", "eval.run=false", "model.dtype=" + dtype);
            Run.Outcome first = run(other, cut, false, after(stop));
            assertFalse(first.finished());
            assertEquals(stop, first.step());
            assertEquals(stop > 0, Files.exists(cut.resolve("checkpoints/step-%010d".formatted(stop))));
            Run.Outcome second = run(other, cut, true, () -> null);
            assertTrue(second.finished());
            assertEquals(expected, weights(cut, 7), "stopped after " + stop);
            assertEquals(curves, curves(cut));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"f32", "bf16"})
    void computingBlocksAgainGivesTheSameBitsInLessMemory(String dtype) throws IOException {
        String[] deep = {"model.depth=6", "model.dtype=" + dtype};
        Path kept = folder.resolve("kept");
        Path again = folder.resolve("again");
        run(config(deep), kept, false, () -> null);
        run(config(with(deep, "train.recompute=true")), again, false, () -> null);
        assertEquals(weights(kept, 7), weights(again, 7));
        assertArrayEquals(losses(kept), losses(again));
        double kib = arenaBytes(kept) / 1024;
        assertTrue(arenaBytes(again) / 1024 < 0.6 * kib, arenaBytes(again) / 1024 + " KiB of " + kib);
    }

    private static double arenaBytes(Path run) throws IOException {
        String summary = Files.readString(run.resolve("summary.json"));
        return Double.parseDouble(summary.replaceFirst("(?s).*\"arena_bytes\"\\s*:\\s*([0-9]+).*", "$1"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"f32", "bf16"})
    void aThousandStepsOnManyThreadsAllocateNothingAfterTheSecond(String dtype) throws IOException {
        List<Long> live = new ArrayList<>();
        Supplier<String> watch = () -> {
            live.add(Native.sk_live_bytes());
            return null;
        };
        Config config = config(
                "threads=5",
                "eval.run=false",
                "train.steps=1000",
                "log.every=1000",
                "train.accumulate=1",
                "model.dtype=" + dtype);
        assertTrue(run(config, folder.resolve("long"), false, watch).finished());
        assertEquals(1000, live.size());
        assertEquals(1, Set.copyOf(live.subList(2, live.size())).size(), "live bytes: " + new TreeSet<>(live));
    }

    /** Pages that this thread touched for the first time since it began: field 10 of proc(5), stat. */
    private static long minorFaults() {
        try {
            String stat = Files.readString(Path.of("/proc/thread-self/stat"));
            return Long.parseLong(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[7]);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"f32", "bf16"})
    void aStepTouchesNoNewPagesAfterTheSecondButThoseOfTheJavaHeap(String dtype) throws IOException {
        var thread = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        List<Long> faults = new ArrayList<>();
        List<Long> heap = new ArrayList<>();
        Supplier<String> watch = () -> {
            faults.add(minorFaults());
            heap.add(thread.getCurrentThreadAllocatedBytes());
            return null;
        };
        String[] sizes = {"threads=1", "eval.run=false", "train.steps=40", "train.batch=20", "train.accumulate=1"};
        Config config = config(with(sizes, "model.dtype=" + dtype));
        assertTrue(run(config, folder.resolve("faults"), false, watch).finished());
        long[] fresh = IntStream.range(3, faults.size())
                .mapToLong(i -> faults.get(i) - faults.get(i - 1) - (heap.get(i) - heap.get(i - 1)) / 4096)
                .sorted()
                .toArray();
        assertTrue(fresh[fresh.length / 2] <= 2, "faults a step: " + Arrays.toString(fresh));
    }

    private static String[] with(String[] sets, String one) {
        return Stream.concat(Stream.of(sets), Stream.of(one)).toArray(String[]::new);
    }

    @Test
    void lossesInBf16FollowThoseInF32() throws IOException {
        String[] steps = {"train.steps=60", "train.batch=20", "train.warmup_epochs=2", "optim.lr=4e-3"};
        train("f32", steps);
        train(
                "bf16",
                Stream.concat(Stream.of(steps), Stream.of("model.dtype=bf16")).toArray(String[]::new));
        double[] wide = losses(folder.resolve("f32"));
        double[] low = losses(folder.resolve("bf16"));
        assertArrayEquals(wide, low, 0.01);
        assertTrue(low[59] < 0.9 * low[0], "it learns: " + low[0] + " to " + low[59]);
    }

    @Test
    void aFinishedRunLeavesEverythingThatAReportNeeds() throws IOException {
        Path mae = folder.resolve("mae");
        Run.Outcome outcome = run(config("objective=mae", "optim.clip=0.5"), mae, false, () -> null);
        assertTrue(outcome.finished());
        for (String file : List.of("config.yaml", "metrics.csv", "evals.csv", "profile.csv", "summary.json")) {
            assertTrue(Files.size(mae.resolve(file)) > 0, file);
        }
        for (String key : List.of(
                "steps",
                "images",
                "seconds",
                "images_per_s",
                "final_loss",
                "knn_untrained",
                "knn_trained",
                "knn_raw_pixels",
                "peak_rss_bytes",
                "gflop_per_step",
                "fma_peak_gflops",
                "config_hash",
                "version",
                "cpu")) {
            assertTrue(outcome.summary().containsKey(key), key);
        }
        assertEquals(2, weights(mae, 7).size()); // no teacher
    }

    @Test
    void anotherConfigOrOtherImagesCannotResumeARun() throws IOException {
        Path cut = folder.resolve("cut");
        run(config("eval.run=false"), cut, false, after(2));
        UserError e = assertThrows(UserError.class, () -> run(config("seed=5"), cut, true, () -> null));
        assertEquals(ExitCode.CONFIG, e.code());
        Path other = Files.createDirectories(folder.resolve("other/a"));
        Files.copy(shared.resolve("images/class0/0.png"), other.resolve("x.png"));
        for (int i = 0; i < 36; i++) {
            Files.copy(shared.resolve("images/class0/0.png"), other.resolve(i + ".png"));
        }
        UserError data = assertThrows(
                UserError.class, () -> run(config("data.path=" + folder.resolve("other")), cut, true, () -> null));
        assertEquals(ExitCode.CHECKPOINT, data.code());
    }

    @Test
    void aLossThatIsNotFiniteStopsTheRunBeforeTheUpdate() {
        UserError e = assertThrows(
                UserError.class,
                () -> run(
                        config("optim.lr=1e9", "wd.start=1e9", "wd.end=1e9", "train.warmup_epochs=0"),
                        folder.resolve("nan"),
                        false,
                        () -> null));
        assertEquals(ExitCode.NUMERIC, e.code());
        assertTrue(e.getMessage().contains("the update was not made"), e.getMessage());
    }

    @Test
    void moreImagesInABatchThanThereAreIsAConfigFault() {
        UserError e = assertThrows(
                UserError.class, () -> run(config("train.batch=4000"), folder.resolve("big"), false, () -> null));
        assertEquals(ExitCode.CONFIG, e.code());
    }

    @Test
    void planCountsEpochsInBatches() {
        Plan plan = new Plan(config("train.steps=0", "train.epochs=3", "train.warmup_epochs=1"), 10);
        assertEquals(15, plan.updates());
        assertEquals(0, plan.learningRate(0), 1e-12);
        assertEquals(config().peakLearningRate(), plan.learningRate(5), 1e-12);
        assertArrayEquals(new int[] {1, 4}, new int[] {plan.dataEpoch(7), plan.dataStep(7)});
        assertTrue(plan.passes(1, 5));
        assertFalse(plan.passes(1, 6));
    }

    private void train(String name, String... more) throws IOException {
        List<String> sets = new ArrayList<>(List.of("eval.run=false", "train.accumulate=1", "train.steps=5"));
        sets.addAll(List.of(more));
        run(config(sets.toArray(String[]::new)), folder.resolve(name), false, () -> null);
    }

    @Test
    void aSimulatedGpuLearnsWhatTheCpuLearns() throws IOException {
        TestDevices.needSimulatedGpu();
        train("cpu");
        train("sim", "device=cuda-sim");
        assertArrayEquals(losses(folder.resolve("cpu")), losses(folder.resolve("sim")), 1e-5);
        train("cpu16", "model.dtype=bf16");
        train("sim16", "device=cuda-sim", "model.dtype=bf16");
        assertArrayEquals(losses(folder.resolve("cpu16")), losses(folder.resolve("sim16")), 5e-3);
    }

    /** The products by the stand-in for cuBLASLt, and recorded into graphs from the second step on. */
    @Test
    void stepsByCublasLtLearnWhatTheOwnKernelsLearn() throws IOException {
        TestDevices.needSimulatedGpu();
        for (String dtype : List.of("f32", "bf16")) {
            String set = "model.dtype=" + dtype;
            train("own " + dtype, "device=cuda-sim", set, "device.gemm=own");
            CudaBackend cuda = (CudaBackend) Devices.open("cuda-sim");
            long before = cuda.cublasLtCalls();
            train("cublaslt " + dtype, "device=cuda-sim", set, "device.gemm=cublaslt");
            assertTrue(cuda.cublasLtCalls() > before, dtype);
            train("eager " + dtype, "device=cuda-sim", set, "device.gemm=cublaslt", "device.graphs=false");
            assertArrayEquals(
                    losses(folder.resolve("own " + dtype)),
                    losses(folder.resolve("cublaslt " + dtype)),
                    dtype.equals("f32") ? 1e-5 : 5e-3);
            assertEquals(weights(folder.resolve("cublaslt " + dtype), 5), weights(folder.resolve("eager " + dtype), 5));
        }
    }

    @Test
    void aReplayedGraphGivesTheBitsOfSingleLaunches() throws IOException {
        TestDevices.needSimulatedGpu();
        String kept = "train.recompute=false";
        String again = "train.recompute=true";
        for (String set : List.of(kept, again, "optim.clip=0.01")) {
            train("graphs " + set, "device=cuda-sim", set);
            train("single " + set, "device=cuda-sim", set, "device.graphs=false");
            assertEquals(weights(folder.resolve("graphs " + set), 5), weights(folder.resolve("single " + set), 5));
        }
        assertEquals(weights(folder.resolve("graphs " + kept), 5), weights(folder.resolve("graphs " + again), 5));
    }
}
