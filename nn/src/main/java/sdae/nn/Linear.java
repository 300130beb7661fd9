package sdae.nn;

import java.util.List;
import sdae.tensor.Parameter;
import sdae.tensor.Tensor;
import sdae.tensor.op.LinearOp;
import sdae.tensor.op.LinearResidualOp;
import sdae.tensor.op.MlpOp;

/** y = x weight^T + bias; weight [out, in], bias [out]. Keys {@code <prefix>.weight}, {@code <prefix>.bias}. */
public record Linear(Parameter weight, Parameter bias) {
    public static Linear of(String prefix, int in, int out) {
        return new Linear(new Parameter(prefix + ".weight", out, in), new Parameter(prefix + ".bias", out));
    }

    /** x [..., in] to [..., out]. */
    public Tensor forward(Tensor x) {
        return LinearOp.apply(x, weight, bias);
    }

    /** residual + scale[sample] * (x weight^T + bias), fused; scale [samples] nullable. */
    public Tensor forwardResidual(Tensor x, Tensor residual, Tensor scale) {
        return LinearResidualOp.apply(x, weight, bias, residual, scale);
    }

    /** This layer, GELU and another: residual + scale[sample] * (gelu(x weight^T + bias) weight2^T + bias2). */
    public Tensor forwardMlp(Tensor x, Linear second, Tensor residual, Tensor scale) {
        return MlpOp.apply(x, layer(), second.layer(), residual, scale);
    }

    private MlpOp.Layer layer() {
        return new MlpOp.Layer(weight, bias);
    }

    public List<Parameter> parameters() {
        return List.of(weight, bias);
    }
}
