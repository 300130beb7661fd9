package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.DType;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Cross entropy with soft targets, mean over rows.
 *
 * <pre>loss = mean over rows of -sum over classes of target * log softmax(logits)</pre>
 *
 * logits, target: [R, C]; loss: [1]; saved: lse [R]. Targets take no gradient.
 */
public record CrossEntropyOp(Tensor logits, Tensor target, Tensor lse) implements Op {

    public static Tensor apply(Tensor logits, Tensor target) {
        Checks.rank("crossEntropy", "logits", logits.shape(), 2);
        Checks.matches(
                "crossEntropy",
                "target",
                target.shape(),
                "logits",
                logits.shape(),
                logits.shape().sizes());
        Tape tape = logits.tape();
        Tensor loss = tape.empty(DType.F32, 1);
        Tensor lse = tape.empty(DType.F32, logits.shape().rows());
        tape.backend().crossEntropyForward(loss, lse, logits, target);
        return tape.record(new CrossEntropyOp(logits, target, lse), loss, logits.needsGradient());
    }

    @Override
    public void backward(Tensor dloss, Gradients gradients) {
        Tensor dlogits = logits.tape().emptyLike(logits);
        logits.tape().backend().crossEntropyBackward(dlogits, dloss, lse, logits, target);
        gradients.add(logits, dlogits);
    }
}
