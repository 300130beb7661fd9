package sdae.tensor.op;

import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Parameter;
import sdae.tensor.Shape;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * The second branch of a transformer block, behind its norm.
 *
 * <pre>pre = x weight1^T + bias1,   y = residual + scale[sample] * (gelu(pre) weight2^T + bias2)</pre>
 *
 * x: [B, N, in]; residual, y: [B, N, out]; scale: [B] or null (1), the drop-path factor, which takes no gradient. Saved: pre,
 * [B, N, hidden]. GELU's output, as large, is computed again in the backward, in the pass of its gradient, and takes pre's
 * place: a quarter less of what a block keeps. In BF16 it then starts from the rounded pre, in the forward pass from the sums.
 */
public record MlpOp(Tensor x, Tensor pre, Layer first, Layer second, Tensor residual, Tensor scale) implements Op {
    /** A linear layer: weight [out, in], bias [out]. */
    public record Layer(Parameter weight, Parameter bias) {}

    public static Tensor apply(Tensor x, Layer first, Layer second, Tensor residual, Tensor scale) {
        Tape tape = x.tape();
        Shape hidden = LinearOp.outputShape("mlp", x, first.weight, first.bias);
        LinearResidualOp.check("mlp", x, residual, scale);
        boolean needsGradient =
                x.needsGradient() || residual.needsGradient() || first.weight.trainable() || second.weight.trainable();
        Tensor pre = needsGradient && tape.recording() ? tape.empty(x.dtype(), hidden) : null;
        Tensor y = tape.scoped(() -> {
            Tensor middle = tape.empty(x.dtype(), hidden);
            tape.backend().linearGeluForward(middle, pre, x, first.weight.matrix(), first.bias.value());
            return LinearResidualOp.forward("mlp", middle, second.weight, second.bias, residual, scale);
        });
        return tape.record(new MlpOp(x, pre, first, second, residual, scale), y, needsGradient);
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        Tape tape = x.tape();
        Tensor dbranch = LinearResidualOp.ofBranch(dy, scale);
        Tensor dpre = tape.emptyLike(pre);
        boolean trained = second.weight.trainable();
        tape.backend().linearBackwardInput(dpre, dbranch, second.weight.matrix());
        tape.backend().geluBackward(dpre, trained ? pre : null, dpre, pre);
        if (trained) {
            tape.backend().linearBackwardWeight(second.weight.grad(), second.bias.grad(), dbranch, pre);
        }
        LinearOp.backward(dpre, x, first.weight, first.bias, gradients);
        gradients.passOn(residual, dy);
    }
}
