package sdae.nn;

import java.util.List;
import sdae.tensor.Parameter;
import sdae.tensor.Tensor;
import sdae.tensor.op.LinearGeluOp;
import sdae.tensor.op.LinearOp;
import sdae.tensor.op.LinearResidualOp;

/** y = x weight^T + bias; weight [out, in], bias [out]. Keys {@code <prefix>.weight}, {@code <prefix>.bias}. */
public record Linear(Parameter weight, Parameter bias) {
    public static Linear of(String prefix, int in, int out) {
        return new Linear(new Parameter(prefix + ".weight", out, in), new Parameter(prefix + ".bias", out));
    }

    /** x [..., in] to [..., out]. */
    public Tensor forward(Tensor x) {
        return LinearOp.apply(x, weight, bias);
    }

    /** gelu(x weight^T + bias), fused. */
    public Tensor forwardGelu(Tensor x) {
        return LinearGeluOp.apply(x, weight, bias);
    }

    /** residual + scale[sample] * (x weight^T + bias), fused; scale [samples] nullable. */
    public Tensor forwardResidual(Tensor x, Tensor residual, Tensor scale) {
        return LinearResidualOp.apply(x, weight, bias, residual, scale);
    }

    public List<Parameter> parameters() {
        return List.of(weight, bias);
    }
}
