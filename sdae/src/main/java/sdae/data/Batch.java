package sdae.data;

/** One batch, in buffers that the loader uses again after {@link #release}. */
public final class Batch {
    private final BatchLoader loader;
    private final float[] images;
    private final int[] ids;
    private final int[] labels;
    // The rest is guarded by the loader's lock until the batch is handed out.
    int size;
    int epoch;
    int step;
    int[] order;
    int claimed;
    int done;
    RuntimeException failure;
    Error error;
    boolean out;

    Batch(BatchLoader loader, int batchSize, int imageSize) {
        this.loader = loader;
        this.images = new float[Math.multiplyExact(batchSize, imageSize)];
        this.ids = new int[batchSize];
        this.labels = new int[batchSize];
    }

    /** Images in it: the batch size, or fewer in the last batch of an epoch that is not dropped. */
    public int size() {
        return size;
    }

    /** [size, C, H, W]. */
    public float[] images() {
        return images;
    }

    /** [size] indices in the source. */
    public int[] ids() {
        return ids;
    }

    /** [size] classes, -1 without. */
    public int[] labels() {
        return labels;
    }

    public int epoch() {
        return epoch;
    }

    /** Within the epoch, from 0. */
    public int step() {
        return step;
    }

    /** Gives the buffers back. @throws IllegalStateException if that was done before */
    public void release() {
        loader.release(this);
    }
}
