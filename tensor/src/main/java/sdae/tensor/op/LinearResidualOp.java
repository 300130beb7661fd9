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
        check("linearResidual", x, residual, scale);
        return x.tape()
                .record(
                        new LinearResidualOp(x, weight, bias, residual, scale),
                        forward("linearResidual", x, weight, bias, residual, scale),
                        x.needsGradient() || residual.needsGradient() || weight.trainable());
    }

    /** Throws unless residual and scale go with x. */
    static void check(String op, Tensor x, Tensor residual, Tensor scale) {
        Checks.sameTape(op, "x", x, "residual", residual);
        if (scale != null) {
            Checks.matches(op, "scale", scale.shape(), "x", x.shape(), x.shape().size(0));
        }
    }

    /** y, not recorded; throws unless weight and bias fit x, and residual has y's shape. */
    static Tensor forward(String op, Tensor x, Parameter weight, Parameter bias, Tensor residual, Tensor scale) {
        Tape tape = x.tape();
        Tensor y = tape.empty(x.dtype(), LinearOp.outputShape(op, x, weight, bias));
        Checks.matches(
                op, "residual", residual.shape(), "x", x.shape(), y.shape().sizes());
        tape.backend().linearResidualForward(y, x, weight.matrix(), bias.value(), residual, scale);
        return y;
    }

    /** The gradient of the branch that dy holds: dy itself without a scale. */
    static Tensor ofBranch(Tensor dy, Tensor scale) {
        if (scale == null) {
            return dy;
        }
        Tensor dbranch = dy.tape().emptyLike(dy);
        dy.tape().backend().residualBackward(dbranch, dy, scale);
        return dbranch;
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        LinearOp.backward(ofBranch(dy, scale), x, weight, bias, gradients);
        gradients.passOn(residual, dy);
    }
}
