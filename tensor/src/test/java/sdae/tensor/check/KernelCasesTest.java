package sdae.tensor.check;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.DType;
import sdae.tensor.Devices;
import sdae.tensor.Tensor;
import sdae.tensor.TestDevices;

class KernelCasesTest {
    /** Memory management; every case uses it. */
    private static final Set<String> NO_KERNELS =
            Set.of("name", "allocate", "free", "liveBytes", "copy", "upload", "download", "capture");

    private final Backend cpu = new CpuBackend();

    @Test
    void everyKernelHasACase() {
        Set<String> methods = new TreeSet<>();
        for (Method method : Backend.class.getMethods()) {
            methods.add(method.getName());
        }
        methods.removeAll(NO_KERNELS);
        Set<String> tested =
                KernelCases.small(DType.F32).stream().map(KernelCase::kernel).collect(Collectors.toSet());
        assertEquals(methods, new TreeSet<>(tested));
    }

    @Test
    void everyKernelOfTheCpuAgreesWithTheReference() {
        TestDevices.forEachIsa(isa -> {
            for (DType dtype : List.of(DType.F32, DType.BF16)) {
                Backend device = Devices.open("cpu");
                for (KernelCase tested : KernelCases.small(dtype)) {
                    KernelCheck.Outcome outcome = KernelCheck.check(tested, device, device);
                    assertTrue(outcome.ok(), isa + ", " + tested + ": " + outcome.fault());
                    assertEquals(0, outcome.peer(), isa + ", " + tested);
                }
            }
        });
    }

    /** Levels above avx512 differ in products of bf16 alone. */
    @Test
    void f32KernelsGiveTheSameBitsOnEveryLevelFromAvx512On() {
        Map<String, Map<String, double[]>> first = new HashMap<>();
        TestDevices.forEachIsa(isa -> {
            if (!isa.startsWith("avx512") && !isa.equals("amx")) {
                return;
            }
            for (KernelCase tested : KernelCases.small(DType.F32)) {
                Map<String, double[]> outputs = KernelCheck.outputs(tested, cpu, tested.inputs());
                Map<String, double[]> before = first.putIfAbsent(tested.toString(), outputs);
                if (before != null) {
                    outputs.forEach((name, values) -> assertArrayEquals(before.get(name), values, isa + ", " + tested));
                }
            }
        });
    }

    @Test
    void casesHaveDifferentNames() {
        for (List<KernelCase> cases : List.of(KernelCases.small(DType.F32), KernelCases.method(DType.F32, 1))) {
            assertEquals(
                    cases.size(),
                    cases.stream().map(KernelCase::toString).distinct().count());
        }
    }

    /** Fails every case of the kernel, for the reason that starts so. */
    private void assertFound(String kernel, Consumer<Tensor> spoil, String reason) {
        Backend spoilt = SpoiltBackend.of(cpu, kernel, spoil);
        for (KernelCase tested : KernelCases.small(DType.F32)) {
            if (tested.kernel().equals(kernel)) {
                KernelCheck.Outcome outcome = KernelCheck.check(tested, spoilt, null);
                assertFalse(outcome.ok(), tested.toString());
                assertTrue(outcome.fault().startsWith(reason), tested + ": " + outcome.fault());
            }
        }
    }

    @Test
    void oneWrongValueIsFound() {
        for (String kernel : List.of("linearForward", "attentionBackward", "layerNormForward", "adamw")) {
            assertFound(kernel, SpoiltBackend.offBy(1e-3f), "");
        }
        assertFound("gatherTokensForward", SpoiltBackend.offBy(1e-6f), "y[");
    }

    @Test
    void aValueThatIsNotWrittenIsFound() {
        assertFound("attentionForward", y -> cpu.fillFloats(y.address(), 1, Float.NaN), "out[0, 0, 0, 0] of [");
    }

    @Test
    void aKernelThatDoesNotRepeatItsBitsIsFound() {
        int[] calls = new int[1];
        assertFound(
                "layerNormBackward",
                dx -> {
                    if (calls[0]++ % 2 == 1) {
                        SpoiltBackend.offBy(1e-7f).accept(dx);
                    }
                },
                "dx has other bits when run again");
    }

    @Test
    void aKernelThatThrowsIsAnOutcome() {
        assertFound(
                "ema",
                teacher -> {
                    throw new IllegalStateException("no such kernel");
                },
                "throws java.lang.IllegalStateException: no such kernel");
    }

    /** The figures of the kernels' designs: bytes and m16n8k16 instructions of one head. */
    @Test
    void costsOfAttentionAreTheDesigns() {
        assertCost("attentionForward f32 B1 N50 H12 Dh64", 12, 2 * 25_600 + 4 * 50, 240);
        assertCost("attentionBackward f32 B1 N50 H12 Dh64", 12, 2 * 44_800, 608);
        assertCost("attentionForward f32 B1 N197 H16 Dh32", 16, 2 * 50_432 + 4 * 197, 1326);
        assertCost("attentionBackward f32 B1 N197 H16 Dh32", 16, 2 * 88_256, 3328);
    }

    private static void assertCost(String name, int heads, long bytes, long mma) {
        KernelCase found = KernelCases.method(DType.F32, 1).stream()
                .filter(c -> c.toString().equals(name))
                .findFirst()
                .orElseThrow();
        assertEquals(heads * bytes, found.compulsoryBytes(), name);
        assertEquals(heads * mma, found.mmaMinimum(), name);
    }

    @Test
    void adamwMovesThirtyTwoBytesAParameter() {
        KernelCase adamw = KernelCases.method(DType.F32, 1).stream()
                .filter(c -> c.kernel().equals("adamw"))
                .findFirst()
                .orElseThrow();
        assertEquals(32L * UpdateCases.BLOCK_PARAMETERS + 4 * 8, adamw.compulsoryBytes());
    }
}
