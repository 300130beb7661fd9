package sdae.tensor.op;

import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Tensor;

/**
 * Gaussian error linear unit, exact form (Hendrycks and Gimpel 2016, arXiv:1606.08415).
 *
 * <pre>y = x/2 (1 + erf(x / sqrt(2)))</pre>
 */
public record GeluOp(Tensor x) implements Op {

    public static Tensor apply(Tensor x) {
        Tensor y = x.tape().emptyLike(x);
        x.tape().backend().geluForward(y, x);
        return x.tape().record(new GeluOp(x), y, x.needsGradient());
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        x.tape().backend().geluBackward(dy, null, dy, x);
        gradients.passOn(x, dy);
    }
}
