package sdae.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Every kernel at one shape of ViT-B, attention also at the decoder's; {@code -p timed=KERNEL:SHAPE} for the others that
 * {@link Cases} has, {@code -p dtype=BF16} where the device has it.
 */
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1) // inputs are in place after the first round of copies
@Measurement(iterations = 5, time = 1)
public class KernelBenchmark extends CaseBenchmark {
    @Param({
        "ATTENTION_FORWARD:VIT_B_STUDENT",
        "ATTENTION_FORWARD:DECODER",
        "ATTENTION_BACKWARD:VIT_B_STUDENT",
        "ATTENTION_BACKWARD:DECODER",
        "GEMM_FORWARD:VIT_B_QKV",
        "GEMM_GELU:VIT_B_FC1",
        "GEMM_RESIDUAL:VIT_B_FC2",
        "GEMM_DGRAD:VIT_B_FC1",
        "GEMM_WGRAD:VIT_B_FC1",
        "LAYER_NORM_FORWARD:VIT_B_NORM",
        "LAYER_NORM_BACKWARD:VIT_B_NORM",
        "GELU_FORWARD:VIT_B_HIDDEN",
        "GELU_BACKWARD:VIT_B_HIDDEN",
        "MASK_ORDER:VIT_B_MASK",
        "MASK_GATHER:VIT_B_MASK",
        "MASK_FOLDS:VIT_B_MASK",
        "UNSHUFFLE_FORWARD:VIT_B_MASK",
        "UNSHUFFLE_BACKWARD:VIT_B_MASK",
        "SCATTER_FORWARD:VIT_B_MASK",
        "SCATTER_BACKWARD:VIT_B_MASK",
        "EMBED_FORWARD:VIT_B_MASK",
        "EMBED_BACKWARD:VIT_B_MASK",
        "COSINE_LOSS_FORWARD:VIT_B_MASK",
        "COSINE_LOSS_BACKWARD:VIT_B_MASK",
        "PIXEL_LOSS_FORWARD:VIT_B_MASK",
        "PIXEL_LOSS_BACKWARD:VIT_B_MASK",
        "ADAMW_FUSED:VIT_B_BLOCK",
        "ADAMW:VIT_B_BLOCK",
        "EMA:VIT_B_BLOCK"
    })
    public String timed;

    @Override
    String timed() {
        return timed;
    }

    /** Between iterations, so that what is updated in place stays in range. */
    @Setup(Level.Iteration)
    public void reset() {
        resetWork();
    }
}
