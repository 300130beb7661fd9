package sdae.tensor.check;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.DType;
import sdae.tensor.TestDevices;
import sdae.tensor.check.LinearCases.Size;

/** Sizes from which CPU kernels go other ways: outputs past the caches, operands in several blocks. */
class LargeKernelCasesTest {
    private static List<KernelCase> cases(DType dtype) {
        int wide = 4 / dtype.bytes(); // so many times as many values are as many bytes
        List<KernelCase> cases = new ArrayList<>();
        Size streamed = new Size(2083, 64, 512);
        cases.add(LinearCases.forward(dtype, streamed, true));
        cases.add(LinearCases.gelu(dtype, streamed, true));
        cases.add(LinearCases.residual(dtype, streamed, 2083));
        cases.add(LinearCases.backwardInput(dtype, new Size(2083, 512, 64)));
        Size deep = new Size(70, 1100, 600);
        cases.add(LinearCases.forward(dtype, deep, false));
        cases.add(LinearCases.backwardInput(dtype, new Size(70, 600, 1100)));
        cases.add(LinearCases.backwardWeight(dtype, new Size(1603, 40, 300), true));
        cases.add(LinearCases.forward(dtype, new Size(70, 800, 1600), true));
        cases.add(LinearCases.forward(dtype, new Size(400, 512, 640), true));
        cases.add(NormCases.forward(dtype, 701 * wide, 768));
        cases.add(NormCases.backward(dtype, 701 * wide, 768));
        cases.add(TokenCases.gatherForward(dtype, 9 * wide, 100, 80, 768));
        cases.add(TokenCases.unshuffleForward(dtype, 9 * wide, 80, 20, 768));
        cases.add(SizedCases.patchGather(dtype, 19 * wide, 3, 112, 16, 37));
        return cases;
    }

    @Test
    void everyLargeCaseAgreesWithTheReference() {
        TestDevices.forEachIsa(isa -> {
            Backend cpu = new CpuBackend();
            for (DType dtype : List.of(DType.F32, DType.BF16)) {
                for (KernelCase tested : cases(dtype)) {
                    KernelCheck.Outcome outcome = KernelCheck.check(tested, cpu, null);
                    assertTrue(outcome.ok(), isa + ", " + tested + ": " + outcome.fault());
                }
            }
        });
    }

    /** Tasks of bf16 products are cut by the number of threads; no sum is. */
    @Test
    void largeProductsHaveTheBitsOfOneThread() {
        Size size = new Size(400, 800, 1600);
        for (KernelCase tested : List.of(
                LinearCases.forward(DType.BF16, size, true),
                LinearCases.backwardInput(DType.BF16, size),
                LinearCases.backwardWeight(DType.BF16, size, true))) {
            Values inputs = tested.inputs();
            try (KernelCase.Loaded loaded = tested.load(new CpuBackend(), inputs)) {
                Map<String, double[]> alone = outputs(tested, loaded, 1);
                for (int threads : new int[] {2, 3, 16}) {
                    outputs(tested, loaded, threads)
                            .forEach((name, values) -> assertArrayEquals(
                                    alone.get(name), values, tested + ", " + name + ", " + threads + " threads"));
                }
            }
        }
    }

    private static Map<String, double[]> outputs(KernelCase tested, KernelCase.Loaded loaded, int threads) {
        Map<String, double[]> outputs = new HashMap<>();
        TestDevices.withThreads(threads, () -> {
            loaded.reset();
            loaded.run();
            tested.slots().stream().filter(Slot::written).forEach(s -> outputs.put(s.name(), loaded.read(s.name())));
        });
        return outputs;
    }
}
