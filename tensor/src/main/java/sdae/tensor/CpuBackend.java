package sdae.tensor;

import sdae.kernels.Native;

/** The CPU: one native call a method. Here: losses, batch norm and optimizers. */
public final class CpuBackend extends CpuTokens {
    @Override
    public void cosineLossForward(Tensor loss, Tensor stats, Tensor pred, Tensor teacher, int axis, boolean center) {
        Native.sk_cosine_loss_forward(
                f(loss),
                f(stats),
                any(pred, pred),
                any(teacher, pred),
                pred.shape().size(0),
                pred.shape().size(1),
                pred.shape().last(),
                skip(pred, teacher),
                axis,
                center ? 1 : 0,
                dtype(pred));
    }

    @Override
    public void cosineLossBackward(
            Tensor dpred, Tensor dloss, Tensor stats, Tensor pred, Tensor teacher, int axis, boolean center) {
        Native.sk_cosine_loss_backward(
                any(dpred, pred),
                f(dloss),
                f(stats),
                any(pred, pred),
                any(teacher, pred),
                pred.shape().size(0),
                pred.shape().size(1),
                pred.shape().last(),
                skip(pred, teacher),
                axis,
                center ? 1 : 0,
                dtype(pred));
    }

    @Override
    public void normalizeTarget(Tensor target, Tensor teacher) {
        Native.sk_normalize_target(
                any(target, teacher),
                any(teacher, teacher),
                target.shape().size(0),
                target.shape().size(1),
                target.shape().last(),
                skip(target, teacher),
                dtype(teacher));
    }

    @Override
    public void regressionLossForward(Tensor loss, Tensor stats, Tensor pred, Tensor teacher, int kind) {
        Native.sk_regression_loss_forward(
                f(loss),
                f(stats),
                any(pred, pred),
                any(teacher, pred),
                pred.shape().size(0),
                pred.shape().size(1),
                pred.shape().last(),
                skip(pred, teacher),
                kind,
                dtype(pred));
    }

    @Override
    public void regressionLossBackward(
            Tensor dpred, Tensor dloss, Tensor stats, Tensor pred, Tensor teacher, int kind) {
        Native.sk_regression_loss_backward(
                any(dpred, pred),
                f(dloss),
                f(stats),
                any(pred, pred),
                any(teacher, pred),
                pred.shape().size(0),
                pred.shape().size(1),
                pred.shape().last(),
                skip(pred, teacher),
                kind,
                dtype(pred));
    }

    @Override
    public void pixelLossForward(
            Tensor loss, Tensor stats, Tensor pred, Tensor images, Tensor ids, int patch, boolean normPix) {
        Native.sk_pixel_loss_forward(
                f(loss),
                f(stats),
                any(pred, pred),
                f(images),
                i(ids),
                images.shape().size(0),
                images.shape().size(1),
                images.shape().size(2),
                images.shape().size(3),
                patch,
                ids.shape().size(1),
                normPix ? 1 : 0,
                dtype(pred));
    }

    @Override
    public void pixelLossBackward(
            Tensor dpred,
            Tensor dloss,
            Tensor stats,
            Tensor pred,
            Tensor images,
            Tensor ids,
            int patch,
            boolean normPix) {
        Native.sk_pixel_loss_backward(
                any(dpred, pred),
                f(dloss),
                f(stats),
                any(pred, pred),
                f(images),
                i(ids),
                images.shape().size(0),
                images.shape().size(1),
                images.shape().size(2),
                images.shape().size(3),
                patch,
                ids.shape().size(1),
                normPix ? 1 : 0,
                dtype(pred));
    }

    @Override
    public void crossEntropyForward(Tensor loss, Tensor lse, Tensor logits, Tensor target) {
        Native.sk_cross_entropy_forward(
                f(loss),
                f(lse),
                any(logits, logits),
                f(target),
                logits.shape().rows(),
                logits.shape().last(),
                dtype(logits));
    }

    @Override
    public void crossEntropyBackward(Tensor dlogits, Tensor dloss, Tensor lse, Tensor logits, Tensor target) {
        Native.sk_cross_entropy_backward(
                any(dlogits, logits),
                f(dloss),
                f(lse),
                any(logits, logits),
                f(target),
                logits.shape().rows(),
                logits.shape().last(),
                dtype(logits));
    }

    @Override
    public void batchNormForward(
            Tensor y,
            Tensor mean,
            Tensor rstd,
            Tensor runningMean,
            Tensor runningVar,
            Tensor x,
            float eps,
            float momentum,
            boolean training) {
        Native.sk_batch_norm_forward(
                any(y, x),
                f(mean),
                f(rstd),
                f(runningMean),
                f(runningVar),
                any(x, x),
                x.shape().rows(),
                x.shape().last(),
                eps,
                momentum,
                training ? 1 : 0,
                dtype(x));
    }

    @Override
    public void batchNormBackward(Tensor dx, Tensor dy, Tensor x, Tensor mean, Tensor rstd) {
        Native.sk_batch_norm_backward(
                any(dx, x),
                any(dy, x),
                any(x, x),
                f(mean),
                f(rstd),
                x.shape().rows(),
                x.shape().last(),
                dtype(x));
    }

    @Override
    public void adamw(
            Tensor param,
            Tensor low,
            Tensor m,
            Tensor v,
            Tensor grad,
            Tensor teacher,
            Tensor teacherLow,
            Tensor hyper,
            Tensor momentum) {
        Native.sk_adamw(
                f(param),
                low(low),
                f(m),
                f(v),
                f(grad),
                optional(teacher),
                low(teacherLow),
                f(hyper),
                optional(momentum),
                param.count());
    }

    @Override
    public void lars(Tensor param, Tensor mu, Tensor grad, Tensor hyper, boolean adapt) {
        Native.sk_lars(f(param), f(mu), f(grad), f(hyper), param.count(), adapt ? 1 : 0);
    }

    @Override
    public void ema(Tensor teacher, Tensor low, Tensor student, Tensor momentum) {
        Native.sk_ema(f(teacher), low(low), f(student), f(momentum), teacher.count());
    }

    @Override
    public double sumSquares(Tensor x) {
        return Native.sk_sum_squares(f(x), x.count());
    }

    private static int skip(Tensor pred, Tensor teacher) {
        return teacher.shape().size(1) - pred.shape().size(1);
    }
}
