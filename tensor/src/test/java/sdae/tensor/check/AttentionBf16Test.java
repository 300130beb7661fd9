package sdae.tensor.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.DType;
import sdae.tensor.TestDevices;

/** The CPU's attention stored as bf16, on every instruction set: products of bf16 values, sums and softmax in f32. */
class AttentionBf16Test {
    private final Backend cpu = new CpuBackend();

    @ParameterizedTest
    @CsvSource({
        "2,1,1,16",
        "2,2,2,1",
        "1,3,2,7",
        "2,13,2,32",
        "1,16,1,64",
        "3,17,3,64",
        "2,31,1,33",
        "1,32,2,32",
        "2,33,2,48",
        "1,49,1,24",
        "2,50,3,64",
        "1,64,1,80",
        "1,65,2,128",
        "1,66,1,31",
        "2,197,2,32",
        "1,257,1,64",
        "1,513,1,17"
    })
    void agreesWithTheReference(int batch, int tokens, int heads, int size) {
        for (KernelCase tested : AttentionCases.of(DType.BF16, batch, tokens, heads, size)) {
            check(tested);
        }
    }

    @ParameterizedTest
    @CsvSource({"1023,9", "1024,32"})
    void agreesWithTheReferenceOnLongSequences(int tokens, int size) {
        for (KernelCase tested : AttentionCases.of(DType.BF16, 1, tokens, 1, size)) {
            check(tested);
        }
    }

    private void check(KernelCase tested) {
        TestDevices.forEachIsa(isa -> {
            KernelCheck.Outcome one = KernelCheck.check(tested, cpu, cpu);
            assertTrue(one.ok(), isa + ", " + tested + ": " + one.fault());
            for (int threads : new int[] {1, 3}) {
                TestDevices.withThreads(threads, () -> {
                    KernelCheck.Outcome again = KernelCheck.check(tested, cpu, cpu);
                    assertEquals(one.worst(), again.worst(), isa + ", " + tested + ", " + threads + " threads");
                });
            }
        });
    }
}
