package sdae.tensor.op;

import java.util.List;
import sdae.tensor.Backend;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tensor;

/** Unshuffle with a fixed position table, which the op check (all of whose parameters are trained) cannot declare. */
final class UnshuffleFixed {
    private UnshuffleFixed() {}

    static double pos(int row, int d) {
        return (row * 3 + d) % 7 * 0.25;
    }

    static Tensor apply(Tensor x, Parameter maskToken, Tensor idsRestore, int patches) {
        int width = x.shape().last();
        Parameter pos = new Parameter("pos", 1, 1 + patches, width);
        Backend backend = x.tape().backend();
        try (ParameterBuffer buffer = new ParameterBuffer(
                backend, false, List.of(new ParameterBuffer.Segment("fixed", false, List.of(pos))))) {
            float[] values = new float[pos.shape().count()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) pos(i / width, i % width);
            }
            buffer.get("pos").value().set(values);
            return UnshuffleOp.apply(x, maskToken, pos, idsRestore);
        }
    }
}
