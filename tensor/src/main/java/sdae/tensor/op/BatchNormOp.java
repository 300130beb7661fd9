package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.DType;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Batch normalization without gain and shift (Ioffe and Szegedy 2015, arXiv:1502.03167): the input norm of MAE's linear
 * probe.
 *
 * <pre>y = (x - mean) / sqrt(var + eps)</pre>
 *
 * x, y: [R, D]. Training normalises by the batch (biased variance) and moves the running values [D] by momentum (unbiased
 * variance); evaluation normalises by the running values and has no gradient.
 */
public record BatchNormOp(Tensor x, Tensor mean, Tensor rstd) implements Op {

    public static Tensor apply(
            Tensor x, Tensor runningMean, Tensor runningVar, float eps, float momentum, boolean training) {
        Checks.rank("batchNorm", "x", x.shape(), 2);
        int cols = x.shape().last();
        Checks.matches("batchNorm", "runningMean", runningMean.shape(), "x", x.shape(), cols);
        Checks.matches("batchNorm", "runningVar", runningVar.shape(), "x", x.shape(), cols);
        Checks.that(
                !training || x.shape().rows() > 1,
                "batchNorm",
                "training needs at least 2 rows for a variance, but x is " + x.shape());
        Tape tape = x.tape();
        Tensor y = tape.emptyLike(x);
        Tensor mean = tape.empty(DType.F32, cols);
        Tensor rstd = tape.empty(DType.F32, cols);
        tape.backend().batchNormForward(y, mean, rstd, runningMean, runningVar, x, eps, momentum, training);
        return tape.record(new BatchNormOp(x, mean, rstd), y, training && x.needsGradient());
    }

    @Override
    public void backward(Tensor dy, Gradients gradients) {
        Tensor dx = x.tape().emptyLike(x);
        x.tape().backend().batchNormBackward(dx, dy, x, mean, rstd);
        gradients.add(x, dx);
    }
}
