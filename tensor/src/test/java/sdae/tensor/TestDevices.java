package sdae.tensor;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Arrays;
import java.util.List;

/**
 * The devices beside the CPU that tests run on: {@code cuda-sim}, or those of {@code -Dsdae.test.devices=cuda} (comma
 * separated, may be empty). Built without nvcc or without the CUDA part, there is none, and one line says so.
 */
public final class TestDevices {
    private static final boolean BUILT = TestDevices.class.getResource("/sdae/kernels/cuda/ptxas.tsv") != null
            && TestDevices.class.getResource("/sdae/kernels/sim/linux-x86_64/libcuda.so.1") != null;

    private static final List<Backend> OTHERS = open();

    private TestDevices() {}

    public static List<Backend> others() {
        return OTHERS;
    }

    /** Leaves a test out where the simulated GPU or the kernels for it are not built. */
    public static void needSimulatedGpu() {
        assumeTrue(BUILT, "built without nvcc, or without the CUDA part");
    }

    private static List<Backend> open() {
        if (!BUILT) {
            System.out.println("tests: built without nvcc, or without the CUDA part; no test runs on cuda-sim");
            return List.of();
        }
        String names = System.getProperty("sdae.test.devices", "cuda-sim");
        return Arrays.stream(names.split(",", -1))
                .filter(name -> !name.isBlank())
                .map(Devices::open)
                .toList();
    }
}
