package sdae.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import sdae.bench.Case;
import sdae.bench.Kernel;
import sdae.bench.Kernel.Family;
import sdae.bench.NamedShape;
import sdae.bench.Peer;
import sdae.bench.Work;
import sdae.tensor.DType;

/** What the peers compute is what the references say, at sizes that fit no vector: else their times are of something else. */
class PeerOpsTest {
    private static final Map<Family, NamedShape> SHAPES = Map.of(
            Family.ATTENTION, new NamedShape("SMALL", Map.of("B", 3, "N", 19, "H", 2, "Dh", 32)),
            Family.GEMM, new NamedShape("SMALL", Map.of("R", 603, "in", 40, "out", 56)),
            Family.LAYER_NORM, new NamedShape("SMALL", Map.of("R", 37, "D", 72)),
            Family.GELU, new NamedShape("SMALL", Map.of("R", 37, "D", 72)));

    @TestFactory
    List<DynamicTest> cases() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Peer peer : List.of(new LibtorchPeer(), new OneDnnPeer(), new OneDnnPackedPeer())) {
            for (Kernel kernel : Kernel.values()) {
                NamedShape shape = SHAPES.get(kernel.family());
                for (DType dtype : List.of(DType.F32, DType.BF16)) {
                    if (shape != null) {
                        Case tested = new Case(kernel, shape, dtype);
                        tests.add(DynamicTest.dynamicTest(peer.name() + " " + tested, () -> check(peer, tested)));
                    }
                }
            }
        }
        return tests;
    }

    /** libtorch sums these rows in bf16 when all is bf16: a third off over 8,320 rows. It is left out there, as a wrong result must be. */
    private static boolean wrong(Peer peer, Case tested) {
        return peer.name().equals("libtorch")
                && tested.kernel() == Kernel.LAYER_NORM_BACKWARD
                && tested.dtype() == DType.BF16;
    }

    private static void check(Peer peer, Case tested) {
        try (Work work = peer.open(tested, 2)) {
            if (work != null && wrong(peer, tested)) {
                work.run();
                assertNotNull(tested.fault(work.outputs(), work.slack()));
            } else if (work != null) {
                for (int i = 0; i < 2; i++) {
                    work.reset();
                    work.run();
                    assertNull(tested.fault(work.outputs(), work.slack()));
                }
                work.outputs().forEach((name, values) -> {
                    double[] wrong = values.clone();
                    wrong[wrong.length / 2] = 1e6;
                    assertNotNull(tested.fault(Map.of(name, wrong), work.slack()), name);
                });
            }
        }
    }

    @Test
    void oneDnnHasTheBareProductsAndPacksWeightsOnly() {
        Set<String> plain = new HashSet<>();
        Set<String> packed = new HashSet<>();
        for (Kernel kernel : Kernel.values()) {
            if (kernel.family() == Family.GEMM) {
                Case tested = new Case(kernel, SHAPES.get(Family.GEMM), DType.F32);
                try (Work one = new OneDnnPeer().open(tested, 2);
                        Work other = new OneDnnPackedPeer().open(tested, 2)) {
                    if (one != null) {
                        plain.add(kernel.name());
                    }
                    if (other != null) {
                        packed.add(kernel.name());
                    }
                }
            }
        }
        assertEquals(Set.of("GEMM_FORWARD", "GEMM_DGRAD", "GEMM_WGRAD"), plain);
        assertEquals(Set.of("GEMM_FORWARD", "GEMM_DGRAD"), packed);
    }
}
