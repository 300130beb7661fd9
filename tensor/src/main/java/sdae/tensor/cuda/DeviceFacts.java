package sdae.tensor.cuda;

/**
 * What the driver says of a GPU: the facts that a figure needs beside it.
 *
 * @param name as nvidia-smi prints it
 * @param capability e.g. 90 for compute capability 9.0
 * @param l2Bytes size of the cache that all multiprocessors share
 * @param clock of the multiprocessors, GHz, the highest there is: not what runs now
 * @param memoryClock likewise of the memory
 * @param cuda the newest CUDA that the driver knows, 13010 for 13.1
 */
public record DeviceFacts(
        String name, int capability, int multiprocessors, long l2Bytes, double clock, double memoryClock, int cuda) {
    /** Whether it is the simulated device, which also poses as {@code cuda} where LD_LIBRARY_PATH leads to it. */
    public boolean simulated() {
        return name.startsWith("SdAE simulated device");
    }
}
