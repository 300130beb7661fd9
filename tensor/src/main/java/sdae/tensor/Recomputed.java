package sdae.tensor;

import java.util.function.UnaryOperator;

/** y = body(x) of which nothing but y was kept: the backward runs it again, on a tape of its own, and walks that back. */
record Recomputed(Tape tape, Tensor x, UnaryOperator<Tensor> body) implements Op {
    @Override
    public void backward(Tensor dy, Gradients gradients) {
        Tape again = tape.beside();
        Tensor y = body.apply(again.input(x));
        if (!y.needsGradient()) {
            return;
        }
        boolean first = tape.gradient(x) == null; // else what comes is added to what is there
        again.seed(y, dy);
        again.backward();
        if (!first) {
            return;
        }
        Tensor dx = tape.takeGradient(x);
        if (dx != null && dx.block() == dy.block()) {
            gradients.passOn(x, dx);
        } else if (dx != null) {
            gradients.add(x, dx);
        }
    }
}
