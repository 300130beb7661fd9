package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Shape;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * The masked tokens of a full sequence, in shuffle order, class token dropped; the backward reads the inverse permutation,
 * so every gradient is written once.
 *
 * <pre>y[b, i] = x[b, 1 + idsMasked[b, i]]</pre>
 *
 * x: [B, 1+L, D]; y: [B, M, D].
 */
public record GatherTokensOp(Tensor x, PatchMask mask) implements Op {

    public static Tensor apply(Tensor x, PatchMask mask) {
        Shape shape = x.shape();
        Checks.rank("gatherTokens", "x", shape, 3);
        Shape restore = mask.idsRestore().shape();
        Checks.matches(
                "gatherTokens", "x", shape, "idsRestore", restore, restore.size(0), 1 + restore.size(1), shape.last());
        Tape tape = x.tape();
        Tensor y = tape.empty(x.dtype(), shape.size(0), mask.used(), shape.last());
        tape.backend().gatherTokensForward(y, x, mask.idsMasked());
        return tape.record(new GatherTokensOp(x, mask), y, x.needsGradient());
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        Tensor dx = x.tape().emptyLike(x);
        x.tape().backend().gatherTokensBackward(dx, dy, mask.idsRestore(), mask.visible());
        gradients.add(x, dx);
    }
}
