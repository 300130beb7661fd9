package sdae.tensor;

/** Recorded launches that a device repeats as one: same kernels, same addresses, same geometry. */
public interface Graph extends AutoCloseable {
    /** Asks the device to run it; returns at once. */
    void launch();

    @Override
    void close();
}
