package sdae.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.Tensor;
import sdae.tensor.check.SpoiltBackend;

class SelfTestTest {
    private final List<String> lines = new ArrayList<>();

    private SelfTest spoilt(String kernel, Consumer<Tensor> spoil, String filter) {
        Backend device = SpoiltBackend.of(new CpuBackend(), kernel, spoil);
        return new SelfTest(device, filter, lines::add);
    }

    private String line(String start) {
        return lines.stream().filter(l -> l.startsWith(start)).findFirst().orElse("");
    }

    @Test
    void theCpuPassesWholly() {
        SelfTest test = new SelfTest(new CpuBackend(), "", lines::add);
        assertTrue(test.run(), String.join("\n", lines));
        String last = lines.get(lines.size() - 1);
        assertTrue(last.matches("selftest on cpu: 4\\d kernels in \\d{3} cases, 2 steps: all ok .*"), last);
        assertTrue(line("attentionBackward").endsWith("ok"), line("attentionBackward"));
        assertTrue(line("sdae step").endsWith("ok"), line("sdae step"));
    }

    @Test
    void aWrongKernelFailsWithItsPlaceAndTheRestGoesOn() {
        SelfTest test = spoilt("layerNormForward", SpoiltBackend.offBy(1e-3f), "");
        assertFalse(test.run());
        assertTrue(line("layerNormForward").endsWith("FAIL, 7 of 7"), line("layerNormForward"));
        assertTrue(
                line("    layerNormForward f32 R3 D31: y[2, 30] of [3, 31] is ").contains(", expected "));
        assertTrue(line("sdae step").endsWith("FAIL"), line("sdae step"));
        assertTrue(line("adamw").endsWith("ok"), line("adamw"));
        assertTrue(lines.get(lines.size() - 1).contains(": 9 FAILED"), lines.get(lines.size() - 1));
    }

    @Test
    void aKernelThatThrowsFailsAlone() {
        SelfTest test = spoilt(
                "adamw",
                param -> {
                    throw new IllegalStateException("illegal address");
                },
                "");
        assertFalse(test.run());
        assertTrue(line("adamw").endsWith("FAIL, 5 of 5"), line("adamw"));
        assertTrue(line("    adamw f32 n31").contains("illegal address"));
        assertTrue(line("ema").endsWith("ok"), line("ema"));
    }

    @Test
    void aWrongUpdateShowsInTheStepsWeights() {
        SelfTest test = spoilt("ema", SpoiltBackend.offBy(1e-2f), "step");
        assertFalse(test.run());
        assertTrue(line("    teacher[").contains("on the CPU"), String.join("\n", lines));
        assertTrue(line("mae step").endsWith("ok"), line("mae step"));
    }

    @Test
    void aFilterLeavesTheRestOut() {
        SelfTest test = new SelfTest(new CpuBackend(), "Linear", lines::add);
        assertTrue(test.run());
        assertEquals(7, lines.size());
        assertFalse(new SelfTest(new CpuBackend(), "no such", line -> {}).ranAny());
    }
}
