package sdae.bench;

import java.util.Map;

/** An implementation of a case, made ready: inputs are where it wants them, all memory is allocated. One thread uses it. */
public interface Work extends AutoCloseable {
    /**
     * Computes once; this is what is timed. Takes the next of {@link Case#copies} copies of inputs and outputs each time, in
     * turn, and returns when the result is there.
     */
    void run();

    /**
     * Called before a turn of timed runs, unless these are long: wakes threads and clock. Threads that wake together may be put
     * on one core, and Linux takes up to 50 ms of work to part them.
     */
    default void warm() {
        reset();
        long settled = System.nanoTime() + 100_000_000;
        do {
            run();
        } while (System.nanoTime() < settled);
    }

    /** Seconds of a run, by the host's clock, for so many runs; or by the device's own, as one mean over at least as many. */
    default double[] time(int runs) {
        double[] seconds = new double[runs];
        for (int i = 0; i < runs; i++) {
            long start = System.nanoTime();
            run();
            seconds[i] = (System.nanoTime() - start) * 1e-9;
        }
        return seconds;
    }

    /**
     * Puts tensors that {@link #run} changes in place back as they were, so that sums do not grow and moments do not fade to
     * denormal numbers. Called now and then, not timed.
     */
    default void reset() {}

    /**
     * What the last {@link #run} since {@link #reset} computed, for {@link Case#fault}: row-major values by slot name, of as
     * many of the written slots as the implementation has. Of a step: {@code loss}; of a loaded picture: {@code pixels}.
     */
    Map<String, double[]> outputs();

    /**
     * How many times the error that we allow ourselves is allowed here. More than 1 by default: another order of sums and
     * other approximations of exp are not wrong.
     */
    default double slack() {
        return 4;
    }

    @Override
    void close();
}
