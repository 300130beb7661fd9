package sdae.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Every kernel at one shape of ViT-B, attention also at the decoder's; {@code -p timed=KERNEL:SHAPE} for the others that
 * {@link Cases} has, {@code -p dtype=BF16} where the device has it.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(3) // run-to-run spread is larger than within a run
@Warmup(iterations = 3, time = 1) // inputs are in place after the first round of copies
@Measurement(iterations = 5, time = 1)
public class KernelBenchmark {
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

    @Param("F32")
    public String dtype;

    /** Of the kernels' pool; 0 is one for every CPU. */
    @Param("0")
    public int threads;

    private Work work;

    /** Makes the case ready and checks it. */
    @Setup
    public void open() {
        work = JmhCases.open(timed, dtype, threads);
    }

    /** Between iterations, so that what is updated in place stays in range. */
    @Setup(Level.Iteration)
    public void reset() {
        work.reset();
    }

    @Benchmark
    public void run() {
        work.run();
    }

    @TearDown
    public void close() {
        work.close();
    }
}
