package sdae.tensor;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Arrays;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import sdae.kernels.Kernels;
import sdae.kernels.Native;

/**
 * What tests run on: the CPU with each of its instruction sets, and the devices beside it, {@code cuda-sim}, or those of {@code -Dsdae.test.devices=cuda} (comma
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

    /** Runs body on every instruction set that this CPU has (or on the one of SDAE_ISA). */
    public static void forEachIsa(Consumer<String> body) {
        String forced = System.getenv("SDAE_ISA");
        try {
            for (String isa : Kernels.ISAS) {
                boolean wanted = forced == null || forced.isEmpty() || forced.equals("auto") || forced.equals(isa);
                if (wanted && Kernels.useIsa(isa)) {
                    body.accept(isa);
                }
            }
        } finally {
            Kernels.useIsa(forced == null || forced.isEmpty() ? "auto" : forced);
        }
    }

    /** Runs body on the CPU, with each of its instruction sets, and on every other device; the text names which. */
    public static void forEachDevice(BiConsumer<String, Backend> body) {
        Backend cpu = new CpuBackend();
        forEachIsa(isa -> body.accept(isa, cpu));
        for (Backend device : others()) {
            body.accept(device.name(), device);
        }
    }

    /** Runs body with that many threads in the pool. */
    public static void withThreads(int threads, Runnable body) {
        int before = Native.sk_threads();
        Native.sk_set_threads(threads);
        try {
            body.run();
        } finally {
            Native.sk_set_threads(before);
        }
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
