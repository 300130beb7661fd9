package sdae.tensor;

/**
 * What the tape remembers of an operation: a record of its inputs and saved tensors. The static {@code apply} beside it
 * runs the forward kernel and records the instance.
 */
public interface Op {
    /**
     * Sends the gradient of the output on to the inputs.
     *
     * @param dy gradient of the output; owned by this call: it may be overwritten, or moved with
     *     {@link Gradients#passOn}
     */
    void backward(Tensor dy, Gradients gradients);
}
