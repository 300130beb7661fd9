package sdae.tensor.op;

import sdae.tensor.DType;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Mean squared error or smooth L1 (beta 1) against the standardised teacher tokens; shapes as in {@link CosineLossOp}.
 */
public record RegressionLossOp(Tensor pred, Tensor teacher, Tensor stats, Kind kind) implements Op {
    /** The penalty of a difference d. */
    public enum Kind {
        /** d^2. */
        MSE(0),
        /** d^2/2 for |d| &lt; 1, else |d| - 1/2. */
        SMOOTH_L1(1);

        private final int code;

        Kind(int code) {
            this.code = code;
        }
    }

    public static Tensor apply(Tensor pred, Tensor teacher, Kind kind) {
        CosineLossOp.checkTeacher("regressionLoss", pred, teacher);
        Tape tape = pred.tape();
        Tensor loss = tape.empty(DType.F32, 1);
        Tensor stats = tape.empty(DType.F32, 2 * pred.shape().rows());
        tape.backend().regressionLossForward(loss, stats, pred, teacher, kind.code);
        return tape.record(new RegressionLossOp(pred, teacher, stats, kind), loss, pred.needsGradient());
    }

    @Override
    public void backward(Tensor dloss, Gradients gradients) {
        Tensor dpred = pred.tape().emptyLike(pred);
        pred.tape().backend().regressionLossBackward(dpred, dloss, stats, pred, teacher, kind.code);
        gradients.add(pred, dpred);
    }
}
