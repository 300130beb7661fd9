package sdae.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;
import sdae.kernels.Kernels;
import sdae.kernels.Native;

/** What it costs to go from Java into the kernels' library and back: a call that reads one number. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(3) // run-to-run spread is larger than within a run
@Warmup(iterations = 3, time = 1) // compiled after some milliseconds; the clock needs longer
@Measurement(iterations = 5, time = 1)
public class NativeCallBenchmark {
    @Setup
    public void load() {
        Kernels.load();
    }

    @Benchmark
    public int nativeCall() {
        return Native.sk_threads();
    }
}
