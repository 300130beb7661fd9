package sdae.tensor;

/** A piece of device memory and what is known of it: the identity behind a tensor and all its reshaped views. */
final class Block {
    enum State {
        LIVE,
        FREED_BY_TAPE,
        STEP_ENDED,
        CLOSED
    }

    final long address;
    final long bytes;
    /** The step it belongs to; -1 for persistent memory. */
    final long step;

    State state = State.LIVE;
    boolean kept;
    boolean needsGradient;
    /** The gradient that has arrived so far; owned by this block. */
    Tensor gradient;

    Block(long address, long bytes, long step) {
        this.address = address;
        this.bytes = bytes;
        this.step = step;
    }

    void check(Shape shape) {
        switch (state) {
            case LIVE -> {}
            case FREED_BY_TAPE ->
                throw new IllegalStateException("tensor " + shape + " was freed by the tape of step " + step
                        + " (nothing in the backward pass reads it any more); exempt it with tape.keep(t)");
            case STEP_ENDED ->
                throw new IllegalStateException("tensor " + shape + " was used after its step ended (step " + step
                        + "); copy it out with toFloats()");
            case CLOSED -> throw new IllegalStateException("tensor " + shape + " was used after it was closed");
        }
    }
}
