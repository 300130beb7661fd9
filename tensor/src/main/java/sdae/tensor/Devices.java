package sdae.tensor;

import java.util.List;
import sdae.tensor.cuda.CudaBackend;

/** The devices by the name that users give. */
public final class Devices {
    /** Every name there is. */
    public static final List<String> NAMES = List.of("cpu", "cuda", "cuda-sim");

    private Devices() {}

    /**
     * As {@link #open(String)}, for a model whose linear layers are computed by {@code gemm}.
     *
     * @param timed see {@link CudaBackend#useGemm}
     * @throws DeviceException when cuBLASLt is asked for and not there
     */
    public static Backend open(String name, GemmChoice gemm, boolean timed) {
        Backend backend = open(name);
        if (backend instanceof CudaBackend cuda) {
            cuda.useGemm(gemm, timed);
        } else if (gemm == GemmChoice.CUBLASLT) {
            throw new DeviceException("device.gemm=cublaslt: there is no cuBLASLt on " + name
                    + "; take device.gemm=auto, or device cuda or cuda-sim");
        }
        return backend;
    }

    /**
     * @param name {@code cpu}; {@code cuda}, an NVIDIA GPU; or {@code cuda-sim}, the simulated one. A process can use one of
     *     the last two
     * @throws DeviceException when it is not there, saying what is missing and how to get it
     */
    public static Backend open(String name) {
        return switch (name) {
            case "cpu" -> new CpuBackend();
            case "cuda" -> CudaBackend.open(false);
            case "cuda-sim" -> CudaBackend.open(true);
            default -> throw new IllegalArgumentException("device: must be one of " + NAMES + ", but is " + name);
        };
    }
}
