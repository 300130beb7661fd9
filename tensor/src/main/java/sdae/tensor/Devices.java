package sdae.tensor;

import java.util.List;
import sdae.tensor.cuda.CudaBackend;

/** The devices by the name that users give. */
public final class Devices {
    /** Every name there is. */
    public static final List<String> NAMES = List.of("cpu", "cuda", "cuda-sim");

    private Devices() {}

    /** As {@link #open(String)}, for a model whose activations are of that type. */
    public static Backend open(String name, DType dtype) {
        Backend backend = open(name);
        return dtype == DType.BF16 && backend instanceof CpuBackend ? Bf16Composition.products(backend) : backend;
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
