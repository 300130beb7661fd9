package sdae.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import sdae.io.Json;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.DType;
import sdae.tensor.Devices;
import sdae.tensor.Tensor;
import sdae.tensor.check.SpoiltBackend;

class SelfTestTest {
    private final List<String> lines = new ArrayList<>();

    private SelfTest spoilt(String kernel, Consumer<Tensor> spoil, String filter) {
        Backend device = SpoiltBackend.of(new CpuBackend(), kernel, spoil);
        return new SelfTest(
                "cpu", dtype -> dtype == DType.F32 ? device : Devices.open("cpu"), filter, 0, null, lines::add);
    }

    private String line(String start) {
        return lines.stream().filter(l -> l.startsWith(start)).findFirst().orElse("");
    }

    @Test
    void theCpuPassesWholly() throws IOException {
        SelfTest test = new SelfTest("cpu", dtype -> Devices.open("cpu"), "", 0, null, lines::add);
        assertTrue(test.run(), String.join("\n", lines));
        String last = lines.get(lines.size() - 1);
        assertTrue(last.matches("selftest on cpu: 4\\d kernels in \\d{3} cases, 4 steps: all ok .*"), last);
        assertTrue(line("attentionBackward").endsWith("ok"), line("attentionBackward"));
        assertTrue(line("sdae step").endsWith("ok"), line("sdae step"));
    }

    @Test
    void aWrongKernelFailsWithItsPlaceAndTheRestGoesOn() throws IOException {
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
    void aKernelThatThrowsFailsAlone() throws IOException {
        SelfTest test = spoilt(
                "adamw",
                param -> {
                    throw new IllegalStateException("illegal address");
                },
                "");
        assertFalse(test.run());
        assertTrue(line("adamw").endsWith("FAIL, 10 of 10"), line("adamw"));
        assertTrue(line("    adamw f32 n31").contains("illegal address"));
        assertTrue(line("ema").endsWith("ok"), line("ema"));
    }

    @Test
    void aWrongUpdateShowsInTheStepsThatFollow() throws IOException {
        SelfTest test = spoilt("ema", SpoiltBackend.offBy(1e-2f), "step");
        assertFalse(test.run());
        assertTrue(line("    gradient of ").contains(", on the CPU "), String.join("\n", lines));
        assertTrue(line("mae step").endsWith("ok"), line("mae step"));
    }

    @Test
    void aFilterLeavesTheRestOut() throws IOException {
        SelfTest test = new SelfTest("cpu", dtype -> Devices.open("cpu"), "Linear", 0, null, lines::add);
        assertTrue(test.run());
        assertEquals(12, lines.size());
        assertFalse(new SelfTest("cpu", dtype -> Devices.open("cpu"), "no such", 0, null, line -> {}).ranAny());
    }

    /** The rest of a device that is lost for good is tested elsewhere, from the next test on. */
    @Test
    void aLostDeviceLeavesTheRestToANewProcess() throws IOException {
        Backend cpu = new CpuBackend();
        boolean[] lost = new boolean[1];
        int[] from = new int[1];
        Backend device = (Backend) Proxy.newProxyInstance(
                Backend.class.getClassLoader(), new Class<?>[] {Backend.class}, (proxy, method, arguments) -> {
                    lost[0] |= method.getName().equals("ema");
                    if (lost[0]) {
                        throw new IllegalStateException("illegal address");
                    }
                    return method.invoke(cpu, arguments);
                });
        SelfTest test = new SelfTest(
                "cpu",
                dtype -> device,
                "f32",
                0,
                first -> {
                    from[0] = first;
                    return Json.tree(
                            Map.of("cases", List.of(Map.of("kernel", "lars", "ok", false)), "steps", List.of()));
                },
                lines::add);
        assertFalse(test.run());
        assertTrue(from[0] > 300, "goes on at " + from[0]);
        assertTrue(line("ema").endsWith("FAIL, 1 of 1"), line("ema"));
        assertTrue(lines.get(lines.size() - 1).contains(": 2 FAILED"), lines.get(lines.size() - 1));
    }
}
