package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Parameter;
import sdae.tensor.Shape;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Linear layer.
 *
 * <pre>y = x weight^T + bias</pre>
 *
 * x: [..., in]; weight: [out, in] (or [out, C, p, p] with in = C*p*p); bias: [out]; y: [..., out].
 */
public record LinearOp(Tensor x, Parameter weight, Parameter bias) implements Op {

    public static Tensor apply(Tensor x, Parameter weight, Parameter bias) {
        Tape tape = x.tape();
        Tensor y = tape.empty(x.dtype(), outputShape("linear", x, weight, bias));
        tape.backend().linearForward(y, x, weight.matrix(), bias.value());
        return tape.record(new LinearOp(x, weight, bias), y, x.needsGradient() || weight.trainable());
    }

    /** The shape of x weight^T + bias; throws unless they fit. */
    static Shape outputShape(String op, Tensor x, Parameter weight, Parameter bias) {
        int out = weight.shape().size(0);
        int in = weight.shape().count() / Math.max(1, out);
        if (x.shape().last() != in) {
            throw new IllegalArgumentException(op + ": the last size of x must be " + in + " to match weight "
                    + weight.shape() + ", but x is " + x.shape());
        }
        Checks.that(
                x.dtype() == weight.matrix().dtype(),
                op,
                "x and weight must have one type, but are " + x + " and " + weight.matrix());
        Checks.matches(op, "bias", bias.shape(), "weight", weight.shape(), out);
        return x.shape().withLast(out);
    }

    /** Parameter gradients from dy, then dx if it is wanted: dy [R, out] -> dweight, dbias; dx [R, in]. */
    static void backward(Tensor dy, Tensor x, Parameter weight, Parameter bias, Gradients gradients) {
        Tape tape = x.tape();
        if (weight.trainable()) {
            tape.backend().linearBackwardWeight(weight.grad(), bias.grad(), dy, x);
        }
        if (gradients.wants(x)) {
            Tensor dx = tape.emptyLike(x);
            tape.backend().linearBackwardInput(dx, dy, weight.matrix());
            gradients.add(x, dx);
        }
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        backward(dy, x, weight, bias, gradients);
    }
}
