package sdae.bench;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Warmup;

/** The whole training step, images in memory. */
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 2) // page faults end after the first step
@Measurement(iterations = 5, time = 5)
public class TrainStepBenchmark extends CaseBenchmark {
    @Param({"STEP:SDAE_TINY_128", "STEP:SDAE_VIT_B_16"})
    public String timed;

    @Override
    String timed() {
        return timed;
    }
}
