package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Residual sum with a per-sample factor (stochastic depth, Huang et al. 2016, arXiv:1603.09382).
 *
 * <pre>y = x + scale[sample] * branch</pre>
 *
 * x, branch, y: [B, ...]; scale: [B] or null (1), without gradient.
 */
public record ResidualOp(Tensor x, Tensor branch, Tensor scale) implements Op {

    public static Tensor apply(Tensor x, Tensor branch, Tensor scale) {
        Checks.matches(
                "residual", "branch", branch.shape(), "x", x.shape(), x.shape().sizes());
        Checks.sameTape("residual", "x", x, "branch", branch);
        if (scale != null) {
            Checks.matches(
                    "residual",
                    "scale",
                    scale.shape(),
                    "x",
                    x.shape(),
                    x.shape().size(0));
        }
        Tape tape = x.tape();
        Tensor y = tape.emptyLike(x);
        tape.backend().residualForward(y, x, branch, scale);
        return tape.record(new ResidualOp(x, branch, scale), y, x.needsGradient() || branch.needsGradient());
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        if (gradients.wants(branch)) {
            Tensor dbranch = dy.tape().emptyLike(dy);
            dy.tape().backend().residualBackward(dbranch, dy, scale);
            gradients.add(branch, dbranch);
        }
        gradients.passOn(x, dy);
    }
}
