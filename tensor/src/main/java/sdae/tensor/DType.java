package sdae.tensor;

/** What a tensor stores. Sums, statistics, losses and optimizer state are always F32. */
public enum DType {
    F32(4),
    BF16(2),
    I32(4);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /** Bytes of one value. */
    public int bytes() {
        return bytes;
    }
}
