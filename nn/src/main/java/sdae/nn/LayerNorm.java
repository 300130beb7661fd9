package sdae.nn;

import java.util.List;
import sdae.tensor.Parameter;
import sdae.tensor.Tensor;
import sdae.tensor.op.LayerNormOp;

/** Layer normalisation over the last size with gain and shift [width]; eps 1e-6 as everywhere in SdAE. */
public record LayerNorm(Parameter gamma, Parameter beta) {
    private static final float EPS = 1e-6f;

    /** Keys {@code <prefix>.weight} and {@code <prefix>.bias}, as timm names them. */
    public static LayerNorm of(String prefix, int width) {
        return new LayerNorm(new Parameter(prefix + ".weight", width), new Parameter(prefix + ".bias", width));
    }

    public Tensor forward(Tensor x) {
        return LayerNormOp.apply(x, gamma, beta, EPS);
    }

    public List<Parameter> parameters() {
        return List.of(gamma, beta);
    }
}
