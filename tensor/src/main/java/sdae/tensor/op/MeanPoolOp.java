package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/** y [B, D] = the mean of the patch tokens x[b, 1..N-1]; x [B, N, D] with the class token first. */
public record MeanPoolOp(Tensor x) implements Op {

    public static Tensor apply(Tensor x) {
        Checks.rank("meanPool", "x", x.shape(), 3);
        Checks.that(x.shape().size(1) > 1, "meanPool", "x must have patch tokens, but is " + x.shape());
        Tape tape = x.tape();
        Tensor y = tape.empty(x.dtype(), x.shape().size(0), x.shape().last());
        tape.backend().meanPoolForward(y, x);
        return tape.record(new MeanPoolOp(x), y, x.needsGradient());
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        Tensor dx = x.tape().emptyLike(x);
        x.tape().backend().meanPoolBackward(dx, dy);
        gradients.add(x, dx);
    }
}
