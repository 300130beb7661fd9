package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.DType;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Parameter;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Layer normalization over the last dimension (Ba et al. 2016, arXiv:1607.06450).
 *
 * <pre>y = (x - mean(x)) * rstd(x) * gamma + beta,   rstd = 1 / sqrt(var(x) + eps)</pre>
 *
 * x, y: [..., D]; gamma, beta: [D]; saved: mean, rstd: [rows], always F32.
 */
public record LayerNormOp(Tensor x, Parameter gamma, Parameter beta, Tensor mean, Tensor rstd) implements Op {

    public static Tensor apply(Tensor x, Parameter gamma, Parameter beta, float eps) {
        Checks.matches(
                "layerNorm", "gamma", gamma.shape(), "x", x.shape(), x.shape().last());
        Checks.matches(
                "layerNorm", "beta", beta.shape(), "x", x.shape(), x.shape().last());
        Tape tape = x.tape();
        Tensor y = tape.emptyLike(x);
        Tensor mean = tape.empty(DType.F32, x.shape().rows());
        Tensor rstd = tape.empty(DType.F32, x.shape().rows());
        tape.backend().layerNormForward(y, mean, rstd, x, gamma.value(), beta.value(), eps);
        return tape.record(new LayerNormOp(x, gamma, beta, mean, rstd), y, x.needsGradient() || gamma.trainable());
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        Tensor dx = x.tape().emptyLike(x);
        x.tape().backend().layerNormBackward(dx, gamma.grad(), beta.grad(), dy, x, gamma.value(), mean, rstd);
        gradients.add(x, dx);
    }
}
