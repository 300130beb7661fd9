package sdae.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import sdae.gpu.Counts;
import sdae.tensor.DType;
import sdae.tensor.Devices;
import sdae.tensor.GemmChoice;
import sdae.tensor.TestDevices;
import sdae.tensor.check.Simulator;
import sdae.tensor.cuda.CudaBackend;
import sdae.tensor.cuda.DeviceFacts;

/** How a GPU is timed, on the simulated one: what is launched and what comes out. Its times are nothing. */
class CudaBenchTest {
    @BeforeAll
    static void needSimulatedGpu() {
        TestDevices.needSimulatedGpu();
    }

    static List<Case> small() {
        return Cases.small();
    }

    private static Case small(Kernel kernel, DType dtype) {
        return new Case(kernel, Shapes.small(kernel.family()), dtype);
    }

    @ParameterizedTest
    @MethodSource("small")
    void graphComputesWhatTheReferenceSaysAndAWrongValueIsSeen(Case timed) {
        try (Work work = new SdaePeer("cuda-sim").open(timed, 1)) {
            assertNull(Rehearsal.fault(timed, work));
            Map<String, double[]> outputs = work.outputs();
            outputs.values().iterator().next()[0] = Double.NaN;
            assertNotNull(timed.fault(outputs, work.slack()), "a wrong value was not seen");
        }
    }

    /** Five runs are three graphs of two copies; as many go before, and six launches of 12 seconds took two each. */
    @Test
    void turnIsTheMeanOverGraphsOfAllCopiesAfterAsManyUntimed() {
        try (GraphWork work = new GraphWork(small(Kernel.GELU_FORWARD, DType.F32), cuda(), cuda())) {
            Simulator.reset();
            double seconds = work.mean(5, body -> {
                assertEquals(Map.of("sk_gelu_forward_f32", 6L), launches());
                body.run();
                assertEquals(Map.of("sk_gelu_forward_f32", 12L), launches());
                return 12;
            });
            assertEquals(2, seconds);
        }
    }

    @Test
    void eventsEncloseTheLaunches() {
        try (Work work = new SdaePeer("cuda-sim").open(small(Kernel.GELU_FORWARD, DType.F32), 1)) {
            double[] seconds = work.time(5);
            assertEquals(1, seconds.length);
            assertTrue(seconds[0] > 0 && Double.isFinite(seconds[0]));
        }
    }

    private static Map<String, Long> launches() {
        try {
            return Counts.of(Simulator.report()).stream().collect(Collectors.toMap(Counts::kernel, Counts::launches));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void copiesExceedTheCacheOfTheGpu() {
        Case timed = Cases.of("GELU_FORWARD", "VIT_B_HIDDEN", "BF16");
        long l2 = 50L << 20;
        assertTrue(timed.copies(l2) * timed.bytes() >= 4 * l2);
        assertTrue((timed.copies(l2) - 1) * timed.bytes() < 4 * l2);
    }

    /** Five steps, the last three replayed: the loss is the CPU's. From one step to the next it moves by 0.003. */
    @ParameterizedTest
    @MethodSource("dtypes")
    void stepIsReplayedAndLosesWhatTheCpuLoses(DType dtype) {
        Case step = small(Kernel.STEP, dtype);
        try (StepWork sim = new StepWork(step, cuda());
                Work cpu = new SdaePeer("cpu").open(step, 1)) {
            sim.run();
            assertFalse(sim.replays());
            assertEquals(2, sim.time(2).length); // after two that are not counted
            assertTrue(sim.replays());
            for (int i = 0; i < 5; i++) {
                cpu.run();
            }
            double expected = cpu.outputs().get("loss")[0];
            double allowed = dtype == DType.F32 ? 1e-5 : 1e-3;
            assertEquals(expected, sim.outputs().get("loss")[0], allowed);
            assertNull(step.fault(sim.outputs(), sim.slack()));
        }
    }

    static List<DType> dtypes() {
        return List.of(DType.F32, DType.BF16);
    }

    /** In BF16 a product with a bias of ours is no product for the library. */
    @Test
    void cublasLtHasTheProductsWhoseMathsItShares() {
        List<String> has = new ArrayList<>();
        List<Case> cases = new ArrayList<>(Cases.matching("gemm", "cuda-sim"));
        cases.add(small(Kernel.GELU_FORWARD, DType.BF16));
        cases.add(small(Kernel.STEP, DType.BF16));
        for (Case timed : cases) {
            Work work = new CublasLtPeer("cuda-sim").open(timed, 1);
            if (work != null) {
                try (work) {
                    assertNull(Rehearsal.fault(timed, work), timed.name());
                    has.add(timed.name().replace("  SMALL  ", " "));
                }
            }
        }
        assertEquals(
                List.of(
                        "gemm fwd f32",
                        "gemm fwd bf16",
                        "gemm+gelu fwd f32",
                        "gemm+residual fwd f32",
                        "gemm dgrad f32",
                        "gemm dgrad bf16",
                        "gemm wgrad f32",
                        "gemm wgrad bf16",
                        "step bf16"),
                has);
    }

    @Test
    void rehearsalSaysWhatIsWrong() {
        Peer wrong = new Peer() {
            @Override
            public String name() {
                return "wrong";
            }

            @Override
            public Work open(Case wanted, int threads) {
                return new GraphWork(wanted, cuda(), cuda()) {
                    @Override
                    public Map<String, double[]> outputs() {
                        Map<String, double[]> outputs = super.outputs();
                        outputs.get("y")[3] += 1;
                        return outputs;
                    }
                };
            }
        };
        List<String> lines = new ArrayList<>();
        Case timed = small(Kernel.GELU_FORWARD, DType.F32);
        assertFalse(new Rehearsal(List.of(new SdaePeer("cuda-sim"), wrong), lines::add).run(List.of(timed)));
        assertEquals(3, lines.size());
        assertTrue(lines.get(0).matches("gelu fwd  SMALL  f32 +sdae +right"), lines.get(0));
        assertTrue(lines.get(1).matches("gelu fwd  SMALL  f32 +wrong +WRONG: y\\[3] of .*"), lines.get(1));
        assertEquals("2 checked, 1 WRONG; no times: a simulated device has none", lines.get(2));
    }

    private static CudaBackend cuda() {
        return (CudaBackend) Devices.open("cuda-sim", GemmChoice.OWN, false);
    }

    @Test
    void factsAreThoseOfTheDriver() {
        DeviceFacts facts = cuda().facts();
        assertEquals(new DeviceFacts("SdAE simulated device (sm_80)", 80, 108, 40L << 20, 1.41, 1.215, 13000), facts);
    }

    @Test
    void simulatedDeviceIsNeverTimed() {
        assertThrows(
                IllegalArgumentException.class, () -> new PairedRun("cuda-sim", 1, PairedRun.Effort.QUICK, line -> {}));
    }

    /** From the check in a process of its own to results, as on a GPU: the driver's library is the simulator's. */
    @Test
    void turnsOfAGpuGoThroughTheirProcesses() {
        Case timed = Cases.of("LAYER_NORM_FORWARD", "TINY_NORM", "BF16");
        List<String> lines = new ArrayList<>();
        PairedRun run = new PairedRun("cuda", 1, new PairedRun.Effort(1, 2, 1, 1e-9), lines::add);
        List<Result> results = run.run(List.of(Contest.of(timed, List.of(new SimulatedGpuPeer()))), done -> {});
        assertEquals(List.of(), lines);
        assertEquals(1, results.size());
        assertEquals("cuda", results.get(0).device());
        assertEquals(2, results.get(0).rounds().length);
        for (double seconds : results.get(0).rounds()) {
            assertTrue(seconds > 0 && Double.isFinite(seconds));
        }
    }
}
