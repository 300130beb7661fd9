package sdae.bench;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** A case under JMH, ours, made ready and checked before it is timed. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@Fork(3) // run-to-run spread is larger than within a run
public abstract class CaseBenchmark {
    @Param("F32")
    public String dtype;

    /** Of the kernels' pool; 0 is one for every CPU. */
    @Param("0")
    public int threads;

    private Work work;

    /** {@code KERNEL:SHAPE}. */
    abstract String timed();

    @Setup
    public void open() {
        work = JmhCases.open(timed(), dtype, threads);
    }

    @Benchmark
    public void run() {
        work.run();
    }

    /** Puts what is updated in place back into its range. */
    void resetWork() {
        work.reset();
    }

    @TearDown
    public void close() {
        work.close();
    }
}
