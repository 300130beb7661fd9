package sdae.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import sdae.tensor.DType;

class BenchTest {
    private static Case smallest(Kernel kernel) {
        NamedShape shape = kernel == Kernel.STEP || kernel.family() == Kernel.Family.UPDATE
                ? Shapes.small(kernel.family())
                : Cases.shapes(kernel).stream()
                        .min(Comparator.comparingDouble(s -> new Case(kernel, s, DType.F32).bytes()))
                        .orElseThrow();
        return new Case(kernel, shape, DType.F32);
    }

    @ParameterizedTest
    @EnumSource(Kernel.class)
    void bodyComputesWhatTheReferenceSaysAndAWrongValueIsSeen(Kernel kernel) {
        Case timed = smallest(kernel);
        try (Work work = new SdaePeer("cpu").open(timed, 2)) {
            assertNotNull(work);
            work.run();
            work.reset();
            work.run();
            Map<String, double[]> outputs = work.outputs();
            assertNull(timed.fault(outputs, work.slack()));
            outputs.values().iterator().next()[0] = Double.NaN;
            assertNotNull(timed.fault(outputs, work.slack()), "a wrong value was not seen");
        }
    }

    @Test
    void peerWhoseProcessEndsIsLeftOutWithALine() {
        Case timed = Cases.of("LAYER_NORM_FORWARD", "TINY_NORM", "F32");
        Contest contest = Contest.of(timed, List.of(new SdaePeer("cpu"), new MortalPeer()));
        List<String> lines = new ArrayList<>();
        PairedRun run = new PairedRun("cpu", 1, PairedRun.Effort.QUICK, lines::add);
        List<Result> results = run.run(List.of(contest), done -> {});
        assertEquals(
                List.of("sdae"), results.stream().map(Result::implementation).toList());
        assertEquals(PairedRun.Effort.QUICK.rounds(), results.get(0).rounds().length);
        assertEquals(1, lines.size(), lines::toString);
        assertTrue(
                lines.get(0).endsWith("mortal is left out: fault the process ended with " + MortalPeer.STATUS),
                lines.get(0));
    }

    @Test
    void caseAfterAFaultOfTheDeviceHasANewProcess() {
        List<Case> cases = List.of(
                Cases.of("LAYER_NORM_FORWARD", "TINY_NORM", "F32"), Cases.of("GELU_FORWARD", "TINY_HIDDEN", "F32"));
        List<String> lines = new ArrayList<>();
        PairedRun run = new PairedRun("cpu", 1, new PairedRun.Effort(1, 2, 1, 1e-4), lines::add);
        List<Result> results = run.run(
                cases.stream()
                        .map(c -> Contest.of(c, List.of(new FaultyDevicePeer())))
                        .toList(),
                done -> {});
        assertEquals(
                List.of(cases.get(1).name()),
                results.stream().map(r -> r.timed().name()).toList());
        assertEquals(1, lines.size(), lines::toString);
        assertTrue(lines.get(0).endsWith("an illegal memory access was encountered"), lines.get(0));
    }

    @Test
    void expectedValuesComeBackFromTheirFiles() {
        Case norm = new Case(Kernel.LAYER_NORM_FORWARD, NamedShape.of("SMALL", "R3 D5"), DType.F32);
        Case step = smallest(Kernel.STEP);
        try (Expected expected = new Expected(List.of(norm, step, norm))) {
            assertNull(expected.of(step));
            Map<String, double[]> read = Expected.read(norm, expected.of(norm));
            assertEquals(Set.of("y", "mean", "rstd"), read.keySet());
            norm.expected().forEach((name, values) -> assertArrayEquals(values, read.get(name), name));
            read.get("y")[7] += 1;
            assertNull(norm.fault(norm.expected(), 1));
            assertNotNull(norm.fault(norm.expected(), 1, read));
        }
    }

    @Test
    void namesAreDifferentAndMapBack() {
        Set<String> names = new HashSet<>();
        for (Case c : Cases.all()) {
            assertTrue(names.add(c.name()), c.name() + " occurs twice");
            Case same = Cases.of(c.kernel().name(), c.shape().name(), c.dtype().name());
            assertEquals(c.name(), same.name());
        }
        for (Kernel kernel : Kernel.values()) {
            assertEquals(kernel, Benchmarks.kernel(Benchmarks.method(kernel)));
        }
    }

    /** 9 values: the second and the eighth, P(fewer than 2 of 9 heads) = 0.0195; 5 values: all, for 1/32 is above 0.025. */
    @Test
    void medianAndItsInterval() {
        double[] nine = {9, 1, 8, 2, 7, 3, 6, 4, 5};
        assertEquals(new Ratios.Interval(5, 2, 8), Ratios.median95(nine));
        assertEquals(new Ratios.Interval(3, 1, 5), Ratios.median95(new double[] {1, 2, 3, 4, 5}));
    }

    @Test
    void geometricMeanOfMedians() {
        Ratios.Interval mean = Ratios.geometricMean95(List.of(new double[] {2, 2, 2}, new double[] {8, 8, 8}));
        assertEquals(4, mean.value(), 1e-12);
        assertEquals(4, mean.low(), 1e-12);
        assertEquals(4, mean.high(), 1e-12);
        assertArrayEquals(new double[] {2, 3}, Ratios.pairs(new double[] {4, 9}, new double[] {2, 3, 5}));
    }

    @Test
    void floatingPointOperationsOfAStep() {
        double encoder = 24.0 * 17 * 64 * 64 + 4.0 * 17 * 17 * 64;
        double patches = 2.0 * 16 * 48 * 64;
        double decoder = 2.0 * 17 * 64 * 32 + 24.0 * 65 * 32 * 32 + 4.0 * 65 * 65 * 32 + 2.0 * 48 * 32 * 64;
        assertEquals(
                2 * (3 * (encoder + patches + decoder) + 3 * (encoder + patches)),
                smallest(Kernel.STEP).flops());
    }

    @Test
    void resultsComeBackFromTheirFile(@TempDir Path folder) throws Exception {
        Case timed = Cases.of("GELU_FORWARD", "VIT_B_HIDDEN", "F32");
        Result ours = new Result(timed, "sdae", "cpu", 2, new double[][] {{1e-3, 2e-3, 3e-3}, {4e-3, 5e-3}});
        Result peer = new Result(timed, "libtorch", "cpu", 2, new double[][] {{2e-3, 4e-3}}, 123, 0.97);
        Path file = folder.resolve("r.json");
        new ResultFile(Map.of("cpu", "some"), new Limits(100, Double.NaN, 20), List.of(ours, peer)).write(file);
        ResultFile read = ResultFile.read(file);
        assertEquals("some", read.header().get("cpu"));
        assertEquals(100, read.limits().f32());
        assertTrue(Double.isNaN(read.limits().bf16()));
        assertEquals(2, read.results().size());
        assertTrue(read.results().get(0).sameAs(ours));
        assertArrayEquals(
                new double[] {1e-3, 2e-3, 3e-3, 4e-3, 5e-3},
                read.results().get(0).rounds(),
                1e-15);
        assertEquals("libtorch", read.results().get(1).implementation());
        assertEquals(123, read.results().get(1).peakBytes());
        assertEquals(0.97, read.results().get(1).busy());
        assertEquals(0, read.results().get(0).busy());
    }
}
