package sdae.tensor;

/**
 * A typed, contiguous, row-major view of device memory. A step tensor comes from a {@link Tape} and ends with it; a
 * persistent one has no tape and lives until {@link #close()}.
 */
public final class Tensor {
    private final Block block;
    private final long offset;
    private final Shape shape;
    private final DType dtype;
    private final Tape tape;
    private final Backend backend;

    Tensor(Block block, long offset, Shape shape, DType dtype, Tape tape, Backend backend) {
        this.block = block;
        this.offset = offset;
        this.shape = shape;
        this.dtype = dtype;
        this.tape = tape;
        this.backend = backend;
    }

    /** Zeroed memory outside any step: parameters, optimizer state, scalars that kernels read. */
    public static Tensor persistent(Backend backend, DType dtype, Shape shape) {
        long bytes = (long) shape.count() * dtype.bytes();
        return new Tensor(new Block(backend.allocate(bytes), bytes, -1), 0, shape, dtype, null, backend);
    }

    public static Tensor persistent(Backend backend, DType dtype, int... sizes) {
        return persistent(backend, dtype, Shape.of(sizes));
    }

    public Shape shape() {
        return shape;
    }

    public DType dtype() {
        return dtype;
    }

    /** Number of values. */
    public int count() {
        return shape.count();
    }

    /**
     * The tape that this tensor's step runs on.
     *
     * @throws IllegalStateException for a persistent tensor
     */
    public Tape tape() {
        if (tape == null) {
            throw new IllegalStateException("tensor " + shape + " is persistent: it is on no tape");
        }
        return tape;
    }

    /**
     * The address of the first value.
     *
     * @throws IllegalStateException when the step ended, the tape freed it, or it was closed
     */
    public long address() {
        block.check(shape);
        return block.address + offset;
    }

    /** Whether a gradient must reach this tensor. */
    public boolean needsGradient() {
        return block.needsGradient;
    }

    /** The same values under another shape with as many. */
    public Tensor reshape(int... sizes) {
        Shape other = Shape.of(sizes);
        if (other.count() != shape.count()) {
            throw new IllegalArgumentException(
                    "reshape: " + shape + " has " + shape.count() + " values, " + other + " has " + other.count());
        }
        return new Tensor(block, offset, other, dtype, tape, backend);
    }

    /** {@code count} values from {@code start} on, flat. Persistent tensors only: a part has no gradient of its own. */
    public Tensor slice(int start, int count) {
        if (tape != null) {
            throw new IllegalStateException(
                    "slice: tensor " + shape + " is on a tape; only persistent ones can be cut");
        }
        if (start < 0 || count < 0 || start > shape.count() - count) {
            throw new IllegalArgumentException(
                    "slice: " + start + " to " + ((long) start + count) + " is outside " + shape);
        }
        return new Tensor(block, offset + (long) start * dtype.bytes(), Shape.of(count), dtype, null, backend);
    }

    /** Copies values in, as many as the tensor has; a BF16 tensor rounds them. */
    public Tensor set(float... values) {
        return set(values, 0);
    }

    /** Copies values in, from {@code values[from]} on; a BF16 tensor rounds them. */
    public Tensor set(float[] values, int from) {
        if (dtype == DType.BF16) {
            Tensor wide = persistent(backend, DType.F32, shape).set(values, from);
            backend.cast(this, wide);
            wide.close();
            return this;
        }
        require(DType.F32, "set");
        if (from < 0 || values.length - from < count()) {
            throw new IllegalArgumentException(
                    "set: " + shape + " takes " + count() + " values, got " + (values.length - from));
        }
        backend.upload(address(), values, from, count());
        return this;
    }

    /** Copies I32 values in. */
    public Tensor set(int[] values) {
        require(DType.I32, "set");
        if (values.length != count()) {
            throw new IllegalArgumentException("set: " + shape + " takes " + count() + " values, got " + values.length);
        }
        backend.upload(address(), values, 0, values.length);
        return this;
    }

    /** Copies all values of another tensor of the same type and count in. */
    public Tensor set(Tensor other) {
        if (other.dtype != dtype || other.count() != count()) {
            throw new IllegalArgumentException(
                    "set: " + shape + " " + dtype + " cannot take " + other.shape + " " + other.dtype);
        }
        backend.copy(address(), other.address(), (long) count() * dtype.bytes());
        return this;
    }

    /** Copies the values out (F32 or BF16). */
    public float[] toFloats() {
        if (dtype == DType.BF16) {
            Tensor wide = persistent(backend, DType.F32, shape);
            backend.cast(wide, this);
            float[] values = wide.toFloats();
            wide.close();
            return values;
        }
        require(DType.F32, "toFloats");
        float[] values = new float[count()];
        backend.download(values, 0, address(), values.length);
        return values;
    }

    /** Copies the values out (I32). */
    public int[] toInts() {
        require(DType.I32, "toInts");
        int[] values = new int[count()];
        backend.download(values, 0, address(), values.length);
        return values;
    }

    /** The one value of an F32 tensor of one. */
    public float item() {
        if (count() != 1) {
            throw new IllegalArgumentException("item: the tensor must have one value, but is " + shape);
        }
        return toFloats()[0];
    }

    /** Frees a persistent tensor. */
    public void close() {
        if (tape != null) {
            throw new IllegalStateException("close: tensor " + shape + " belongs to its step");
        }
        if (block.state == Block.State.LIVE) {
            block.state = Block.State.CLOSED;
            backend.free(block.address);
        }
    }

    Block block() {
        return block;
    }

    long offset() {
        return offset;
    }

    private void require(DType wanted, String op) {
        if (dtype != wanted) {
            throw new IllegalArgumentException(op + ": tensor " + shape + " must be " + wanted + ", but is " + dtype);
        }
    }

    @Override
    public String toString() {
        return dtype + " " + shape;
    }
}
