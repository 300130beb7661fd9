package sdae.tensor.op;

import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Parameter;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Linear layer and GELU in one pass over the output.
 *
 * <pre>pre = x weight^T + bias,   y = gelu(pre)</pre>
 *
 * Shapes as in {@link LinearOp}; saved: pre, like y (not written where nothing is recorded).
 */
public record LinearGeluOp(Tensor x, Parameter weight, Parameter bias, Tensor pre) implements Op {

    public static Tensor apply(Tensor x, Parameter weight, Parameter bias) {
        Tape tape = x.tape();
        boolean needsGradient = x.needsGradient() || weight.trainable();
        Tensor y = tape.empty(x.dtype(), LinearOp.outputShape("linearGelu", x, weight, bias));
        Tensor pre = needsGradient && tape.recording() ? tape.emptyLike(y) : null;
        tape.backend().linearGeluForward(y, pre, x, weight.matrix(), bias.value());
        return tape.record(new LinearGeluOp(x, weight, bias, pre), y, needsGradient);
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        x.tape().backend().geluBackward(dy, dy, pre);
        LinearOp.backward(dy, x, weight, bias, gradients);
    }
}
