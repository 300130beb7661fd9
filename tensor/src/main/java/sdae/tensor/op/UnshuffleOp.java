package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Parameter;
import sdae.tensor.Shape;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * The decoder's input: visible tokens back at their places, the mask token at all others, positions added.
 *
 * <pre>y[b, 0] = x[b, 0] + pos[0],   y[b, 1+j] = (rank &lt; V ? x[b, 1 + rank] : maskToken) + pos[1+j],   rank = idsRestore[b, j]</pre>
 *
 * x: [B, 1+V, D]; maskToken: [1, 1, D]; pos: [1, 1+L, D] fixed; idsRestore: I32 [B, L]; y: [B, 1+L, D].
 */
public record UnshuffleOp(Tensor x, Parameter maskToken, Tensor idsRestore) implements Op {

    public static Tensor apply(Tensor x, Parameter maskToken, Parameter pos, Tensor idsRestore) {
        Shape shape = x.shape();
        Checks.rank("unshuffle", "x", shape, 3);
        int patches = idsRestore.shape().last();
        int width = shape.size(2);
        Checks.matches("unshuffle", "idsRestore", idsRestore.shape(), "x", shape, shape.size(0), patches);
        Checks.matches("unshuffle", "maskToken", maskToken.shape(), "x", shape, 1, 1, width);
        Checks.matches("unshuffle", "pos", pos.shape(), "idsRestore", idsRestore.shape(), 1, 1 + patches, width);
        Checks.that(!pos.trainable(), "unshuffle", "pos must be fixed, but " + pos + " is trained");
        Tape tape = x.tape();
        Tensor y = tape.empty(x.dtype(), shape.size(0), 1 + patches, width);
        tape.backend().unshuffleForward(y, x, maskToken.value(), pos.value(), idsRestore);
        return tape.record(new UnshuffleOp(x, maskToken, idsRestore), y, x.needsGradient() || maskToken.trainable());
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        Tensor dx = x.tape().emptyLike(x);
        x.tape().backend().unshuffleBackward(dx, maskToken.grad(), dy, idsRestore);
        gradients.add(x, dx);
    }
}
