package sdae.tensor.cuda;

import sdae.tensor.Shape;
import sdae.tensor.Tensor;

/** Losses: the first launch leaves partial sums, the second adds them up. */
abstract class CudaLosses extends CudaTokens {
    private final Pair[] cosineLossForward = axes("cosine_loss_forward");
    private final Lazy cosineLossForwardSum = kernel("cosine_loss_forward_sum");
    private final Pair[] cosineLossBackward = axes("cosine_loss_backward");
    private final Pair normalizeTarget = pair("normalize_target");
    private final Pair regressionLossForward = pair("regression_loss_forward");
    private final Lazy regressionLossForwardSum = kernel("regression_loss_forward_sum");
    private final Pair regressionLossBackward = pair("regression_loss_backward");
    private final Pair pixelLossForward = pair("pixel_loss_forward");
    private final Lazy pixelLossForwardSum = kernel("pixel_loss_forward_sum");
    private final Pair pixelLossBackward = pair("pixel_loss_backward");
    private final Pair crossEntropyForward = pair("cross_entropy_forward");
    private final Lazy crossEntropyForwardSum = kernel("cross_entropy_forward_sum");
    private final Pair crossEntropyBackward = pair("cross_entropy_backward");

    CudaLosses(boolean simulated) {
        super(simulated);
    }

    /** A kernel for each axis. */
    private Pair[] axes(String function) {
        return new Pair[] {pair(function, "_axis0"), pair(function, "_axis1")};
    }

    @Override
    public void cosineLossForward(Tensor loss, Tensor stats, Tensor pred, Tensor teacher, int axis, boolean center) {
        Pair kernel = cosineLossForward[axis];
        Shape shape = pred.shape();
        int items = axis == 0 ? shape.size(0) : shape.rows();
        int parts = parts(kernel, pred, items);
        long partial = workspace((long) Double.BYTES * parts);
        compare(begin(kernel, pred).f32(loss, stats), pred, teacher)
                .size(axis)
                .flag(center)
                .address(partial)
                .launch(items, 1, 1);
        int cosines = shape.size(0) * (axis == 0 ? shape.last() : shape.size(1));
        sum(cosineLossForwardSum, loss, partial, parts, cosines);
    }

    @Override
    public void cosineLossBackward(
            Tensor dpred, Tensor dloss, Tensor stats, Tensor pred, Tensor teacher, int axis, boolean center) {
        compare(begin(cosineLossBackward[axis], pred).storage(dpred).f32(dloss, stats), pred, teacher)
                .size(axis)
                .flag(center)
                .launch(axis == 0 ? pred.shape().size(0) : pred.shape().rows(), 1, 1);
    }

    @Override
    public void normalizeTarget(Tensor target, Tensor teacher) {
        compare(begin(normalizeTarget, target), target, teacher)
                .launch(target.shape().rows(), 1, 1);
    }

    @Override
    public void regressionLossForward(Tensor loss, Tensor stats, Tensor pred, Tensor teacher, int kind) {
        int rows = pred.shape().rows();
        int parts = parts(regressionLossForward, pred, rows);
        long partial = workspace((long) Double.BYTES * parts);
        compare(begin(regressionLossForward, pred).f32(loss, stats), pred, teacher)
                .size(kind)
                .address(partial)
                .launch(rows, 1, 1);
        sum(regressionLossForwardSum, loss, partial, parts, pred.count());
    }

    @Override
    public void regressionLossBackward(
            Tensor dpred, Tensor dloss, Tensor stats, Tensor pred, Tensor teacher, int kind) {
        compare(begin(regressionLossBackward, pred).storage(dpred).f32(dloss, stats), pred, teacher)
                .size(kind)
                .launch(pred.shape().rows(), 1, 1);
    }

    /** pred [F, n, D] and teacher [F, skip+n, D] with their sizes. */
    private static Launcher compare(Launcher launch, Tensor pred, Tensor teacher) {
        Shape shape = pred.shape();
        int skip = teacher.shape().size(1) - shape.size(1);
        return launch.storage(pred, teacher).size(shape.size(0), shape.size(1), row("loss", pred), skip);
    }

    private static int parts(Pair kernel, Tensor pred, int items) {
        return ceilDiv(items, kernel.of(pred.dtype()).itemsX());
    }

    /** loss = the sum of the partials over {@code values}, as the kernel says. */
    private void sum(Lazy kernel, Tensor loss, long partial, int parts, long values) {
        begin(kernel).f32(loss).address(partial).size(parts).count(values).launch(1, 1, 1);
    }

    @Override
    public void pixelLossForward(
            Tensor loss, Tensor stats, Tensor pred, Tensor images, Tensor ids, int patch, boolean normPix) {
        row("pixel loss", pred);
        int parts = parts(pixelLossForward, pred, ids.count());
        long partial = workspace((long) Double.BYTES * parts);
        pixels(begin(pixelLossForward, pred).f32(loss, stats), pred, images, ids, patch, normPix)
                .address(partial)
                .launch(ids.count(), 1, 1);
        sum(pixelLossForwardSum, loss, partial, parts, pred.count());
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
        pixels(begin(pixelLossBackward, pred).storage(dpred).f32(dloss, stats), pred, images, ids, patch, normPix)
                .launch(ids.count(), 1, 1);
    }

    private static Launcher pixels(
            Launcher launch, Tensor pred, Tensor images, Tensor ids, int patch, boolean normPix) {
        Shape shape = images.shape();
        return launch.storage(pred)
                .f32(images)
                .i32(ids)
                .size(shape.size(0), shape.size(1), shape.size(2), shape.size(3))
                .size(patch, ids.shape().size(1))
                .flag(normPix);
    }

    @Override
    public void crossEntropyForward(Tensor loss, Tensor lse, Tensor logits, Tensor target) {
        int rows = logits.shape().rows();
        int parts = parts(crossEntropyForward, logits, rows);
        long partial = workspace((long) Double.BYTES * parts);
        begin(crossEntropyForward, logits)
                .f32(loss, lse)
                .storage(logits)
                .f32(target)
                .size(rows, row("cross entropy", logits))
                .address(partial)
                .launch(rows, 1, 1);
        begin(crossEntropyForwardSum)
                .f32(loss)
                .address(partial)
                .size(parts, rows)
                .launch(1, 1, 1);
    }

    @Override
    public void crossEntropyBackward(Tensor dlogits, Tensor dloss, Tensor lse, Tensor logits, Tensor target) {
        int rows = logits.shape().rows();
        begin(crossEntropyBackward, logits)
                .storage(dlogits)
                .f32(dloss, lse)
                .storage(logits)
                .f32(target)
                .size(rows, logits.shape().last())
                .launch(rows, 1, 1);
    }
}
