package sdae.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
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
 * The whole training step, images in memory.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Fork(3) // run-to-run spread is larger than within a run
@Warmup(iterations = 2, time = 2) // page faults end after the first step
@Measurement(iterations = 5, time = 5)
public class TrainStepBenchmark {
    @Param({"STEP:SDAE_TINY_128", "STEP:SDAE_VIT_B_16"})
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

    @Benchmark
    public void run() {
        work.run();
    }

    @TearDown
    public void close() {
        work.close();
    }
}
