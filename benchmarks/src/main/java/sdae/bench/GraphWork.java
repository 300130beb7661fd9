package sdae.bench;

import java.util.Map;
import java.util.function.ToDoubleFunction;
import sdae.tensor.Backend;
import sdae.tensor.Graph;
import sdae.tensor.cuda.CudaBackend;
import sdae.tensor.cuda.DeviceFacts;

/**
 * A kernel on a CUDA device: its launches over all copies as one graph, timed by the device between two events. So no time
 * that the host takes to launch is measured; what the device takes from one launch to the next is.
 */
class GraphWork implements Work {
    /** A simulated device has neither a cache nor a speed: two show that launches take copies in turn. */
    private static final int SIMULATED_COPIES = 2;

    private final CudaBackend cuda;
    private final int copies;
    private final KernelWork kernel;
    private final Graph graph;

    /** {@code through}: what the kernel is called on, {@code cuda} or something that calls it. */
    GraphWork(Case timed, CudaBackend cuda, Backend through) {
        this.cuda = cuda;
        DeviceFacts facts = cuda.facts();
        copies = facts.simulated() ? SIMULATED_COPIES : timed.copies(facts.l2Bytes());
        try (KernelWork first = new KernelWork(timed, through, 1)) {
            first.run(); // modules are loaded and algorithms chosen: no graph can hold that
        }
        kernel = new KernelWork(timed, through, copies);
        graph = cuda.capture(() -> times(copies, kernel::run));
    }

    private static void times(int count, Runnable body) {
        for (int i = 0; i < count; i++) {
            body.run();
        }
    }

    /** Computes every copy once; {@link #outputs} are the last one's. */
    @Override
    public void run() {
        graph.launch();
    }

    /** Nothing: {@link #mean} does, and what adds up may grow, for a GPU is as fast with large numbers and with denormal ones. */
    @Override
    public void warm() {}

    /** One time: {@link #mean} by the device's events. */
    @Override
    public double[] time(int runs) {
        return new double[] {mean(runs, cuda::seconds)};
    }

    /**
     * The mean over all copies, as often as {@code runs} takes, by a clock that says how long a body is at work. As many
     * launches go before, untimed: the device's own clock is then up, and the host is ahead of it.
     */
    double mean(int runs, ToDoubleFunction<Runnable> clock) {
        int launches = Math.max(1, (runs + copies - 1) / copies);
        times(launches, graph::launch);
        return clock.applyAsDouble(() -> times(launches, graph::launch)) / launches / copies;
    }

    @Override
    public void reset() {
        kernel.reset();
    }

    @Override
    public Map<String, double[]> outputs() {
        return kernel.outputs();
    }

    @Override
    public double slack() {
        return kernel.slack();
    }

    @Override
    public void close() {
        graph.close();
        kernel.close();
    }
}
