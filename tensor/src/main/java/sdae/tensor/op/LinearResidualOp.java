package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Parameter;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * The last linear layer of a residual branch, added to the stream in the same pass.
 *
 * <pre>y = residual + scale[sample] * (x weight^T + bias)</pre>
 *
 * x: [B, N, in]; residual, y: [B, N, out]; scale: [B] or null (1), the drop-path factor, which takes no gradient.
 */
public record LinearResidualOp(Tensor x, Parameter weight, Parameter bias, Tensor residual, Tensor scale)
        implements Op {

    public static Tensor apply(Tensor x, Parameter weight, Parameter bias, Tensor residual, Tensor scale) {
        Tape tape = x.tape();
        Tensor y = tape.empty(x.dtype(), LinearOp.outputShape("linearResidual", x, weight, bias));
        Checks.sameTape("linearResidual", "x", x, "residual", residual);
        Checks.matches(
                "linearResidual",
                "residual",
                residual.shape(),
                "x",
                x.shape(),
                y.shape().sizes());
        if (scale != null) {
            Checks.matches(
                    "linearResidual",
                    "scale",
                    scale.shape(),
                    "x",
                    x.shape(),
                    x.shape().size(0));
        }
        tape.backend().linearResidualForward(y, x, weight.matrix(), bias.value(), residual, scale);
        return tape.record(
                new LinearResidualOp(x, weight, bias, residual, scale),
                y,
                x.needsGradient() || residual.needsGradient() || weight.trainable());
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        Tensor dbranch = dy;
        if (scale != null) {
            dbranch = dy.tape().emptyLike(dy);
            dy.tape().backend().residualBackward(dbranch, dy, scale);
        }
        LinearOp.backward(dbranch, x, weight, bias, gradients);
        gradients.passOn(residual, dy);
    }
}
