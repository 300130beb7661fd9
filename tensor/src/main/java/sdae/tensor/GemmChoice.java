package sdae.tensor;

import java.util.List;
import java.util.Locale;

/** Who computes the products of linear layers on a CUDA device: setting {@code device.gemm}. */
public enum GemmChoice {
    /**
     * cuBLASLt for BF16, where {@code cuda} finds it. F32 stays with the own kernel: three TF32 products reach 52 TFLOP/s on
     * an A100 at most, and cuBLASLt without TF32 19.5 (data sheet; neither was measured).
     */
    AUTO,
    /** The kernels of gemm.cu. */
    OWN,
    /** cuBLASLt for every product whose maths it shares; on {@code cuda-sim} a stand-in that checks the calls. */
    CUBLASLT;

    /** The names that users give. */
    public static final List<String> NAMES = List.of("auto", "own", "cublaslt");

    public static GemmChoice of(String name) {
        return valueOf(name.toUpperCase(Locale.ROOT));
    }
}
