package sdae.tensor.cuda;

import static org.bytedeco.cuda.global.cudart.cuEventCreate;
import static org.bytedeco.cuda.global.cudart.cuEventDestroy;
import static org.bytedeco.cuda.global.cudart.cuEventElapsedTime;
import static org.bytedeco.cuda.global.cudart.cuEventRecord;
import static org.bytedeco.cuda.global.cudart.cuEventSynchronize;

import org.bytedeco.cuda.cudart.CUevent_st;

/** The device's own time between two places of the stream; not while a graph is captured. */
final class Stopwatch implements AutoCloseable {
    private static final int TIMING = 0;
    private static final int REPEATS = 5;

    private final Driver driver;
    private final CUevent_st start = new CUevent_st();
    private final CUevent_st end = new CUevent_st();
    private final float[] milliseconds = new float[1];

    Stopwatch(Driver driver) {
        this.driver = driver;
        driver.enter();
        driver.notCapturing("timing");
        driver.check(cuEventCreate(start, TIMING), "cuEventCreate");
        driver.check(cuEventCreate(end, TIMING), "cuEventCreate");
    }

    /** Seconds that the device spends on what {@code work} asks it for; waits for it. */
    double time(Runnable work) {
        driver.enter();
        driver.check(cuEventRecord(start, driver.stream()), "cuEventRecord");
        work.run();
        driver.check(cuEventRecord(end, driver.stream()), "cuEventRecord");
        driver.check(cuEventSynchronize(end), "cuEventSynchronize");
        driver.check(cuEventElapsedTime(milliseconds, start, end), "cuEventElapsedTime");
        return milliseconds[0] * 1e-3;
    }

    /** The least of some times, after one that does not count. */
    double fastest(Runnable work) {
        work.run();
        double least = Double.POSITIVE_INFINITY;
        for (int i = 0; i < REPEATS; i++) {
            least = Math.min(least, time(work));
        }
        return least;
    }

    @Override
    public void close() {
        if (!driver.broken()) {
            driver.check(cuEventDestroy(start), "cuEventDestroy");
            driver.check(cuEventDestroy(end), "cuEventDestroy");
        }
    }
}
