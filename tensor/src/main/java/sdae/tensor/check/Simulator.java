package sdae.tensor.check;

import sdae.kernels.Kernels;
import sdae.kernels.Native;

/** The counters of the simulated CUDA device; throws a RuntimeException unless this process has opened it. */
public final class Simulator {
    private Simulator() {}

    /**
     * @param threads OS threads that run blocks
     * @param races whether to look for races in shared memory
     * @param uniqueBytes whether to count the distinct bytes that each launch touches
     */
    public static void options(int threads, boolean races, boolean uniqueBytes) {
        Kernels.load();
        Native.sk_sim_options(threads, 0, races ? 1 : 0, uniqueBytes ? 1 : 0);
    }

    /** Sets all counts to zero. */
    public static void reset() {
        Kernels.load();
        Native.sk_sim_reset();
    }

    /** The counts of every kernel since the last reset, as JSON. */
    public static String report() {
        Kernels.load();
        return Native.sk_sim_report().getString();
    }
}
