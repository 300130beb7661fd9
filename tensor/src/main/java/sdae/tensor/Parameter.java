package sdae.tensor;

/**
 * A named weight. Declared by a layer, it gets its memory when a {@link ParameterBuffer} is made of all of a model's
 * parameters; it carries no tape.
 */
public final class Parameter {
    private final String name;
    private final Shape shape;
    private Tensor value;
    private Tensor low;
    private Tensor grad;

    /** {@code name} is the checkpoint key, e.g. {@code blocks.0.attn.qkv.weight}. */
    public Parameter(String name, int... sizes) {
        this.name = name;
        this.shape = Shape.of(sizes);
    }

    public String name() {
        return name;
    }

    public Shape shape() {
        return shape;
    }

    /** The F32 values. */
    public Tensor value() {
        if (value == null) {
            throw new IllegalStateException(
                    "parameter " + name + " " + shape + " has no memory yet; put it in a ParameterBuffer");
        }
        return value;
    }

    /** The values as matrix kernels read them: rounded to BF16 where the buffer keeps such a copy, else {@link #value}. */
    public Tensor matrix() {
        return low == null ? value() : low;
    }

    /** Whether it is trained: whether it has a gradient. */
    public boolean trainable() {
        return grad != null;
    }

    /**
     * The gradient, which kernels add to.
     *
     * @throws IllegalStateException when it is fixed
     */
    public Tensor grad() {
        if (grad == null) {
            throw new IllegalStateException("parameter " + name + " " + shape + " is fixed: it has no gradient");
        }
        return grad;
    }

    void bind(Tensor value, Tensor low, Tensor grad) {
        if (this.value != null) {
            throw new IllegalStateException("parameter " + name + " " + shape + " is in a ParameterBuffer already");
        }
        this.value = value;
        this.low = low;
        this.grad = grad;
    }

    @Override
    public String toString() {
        return name + " " + shape;
    }
}
