package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/** y [B, D] = x[b, 0], the class token of x [B, N, D]. */
public record ClassTokenOp(Tensor x) implements Op {

    public static Tensor apply(Tensor x) {
        Checks.rank("classToken", "x", x.shape(), 3);
        Tape tape = x.tape();
        Tensor y = tape.empty(x.dtype(), x.shape().size(0), x.shape().last());
        tape.backend().classTokenForward(y, x);
        return tape.record(new ClassTokenOp(x), y, x.needsGradient());
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        Tensor dx = x.tape().emptyLike(x);
        x.tape().backend().classTokenBackward(dx, dy);
        gradients.add(x, dx);
    }
}
