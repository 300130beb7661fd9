package sdae.train;

import sdae.tensor.Backend;
import sdae.tensor.Graph;

/**
 * Launches that every step repeats: made one by one at first, then as a graph, where the device has graphs. The first run
 * measures memory, the second uses its final place; from the third on addresses repeat.
 */
final class Repeated implements AutoCloseable {
    private static final int MEASURING_RUNS = 2;

    private final Backend backend;
    private final Runnable body;
    private boolean captures;
    private int runs;
    private Graph graph;

    Repeated(Backend backend, boolean captures, Runnable body) {
        this.backend = backend;
        this.captures = captures;
        this.body = body;
    }

    void run() {
        if (captures && graph == null && runs >= MEASURING_RUNS) {
            graph = backend.capture(body);
            captures = graph != null;
        }
        if (graph != null) {
            graph.launch();
        } else {
            body.run();
        }
        runs++;
    }

    /** Whether {@link #run} replays a graph from now on. */
    boolean replays() {
        return graph != null;
    }

    @Override
    public void close() {
        if (graph != null) {
            graph.close();
        }
    }
}
