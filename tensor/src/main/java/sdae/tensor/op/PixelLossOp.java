package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.DType;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Shape;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * MAE's loss (He et al. 2021, arXiv:2111.06377): squared error of the predicted pixels, mean over a patch, then over the
 * masked patches.
 *
 * <p>pred: [B, M, p*p*C], values in the order row, column, channel; images: [B, C, height, width]; ids: I32 [B, M]; loss: [1].
 * With {@code normPix} every target patch is standardised first (divisor n-1, eps 1e-6).
 */
public record PixelLossOp(Tensor pred, Tensor images, Tensor ids, Tensor stats, int patch, boolean normPix)
        implements Op {

    public static Tensor apply(Tensor pred, Tensor images, Tensor ids, int patch, boolean normPix) {
        Shape shape = images.shape();
        Checks.rank("pixelLoss", "images", shape, 4);
        Checks.that(
                patch > 0 && shape.size(2) % patch == 0 && shape.size(3) % patch == 0,
                "pixelLoss",
                "image sides must be multiples of the patch " + patch + ", but images are " + shape);
        Checks.matches(
                "pixelLoss",
                "ids",
                ids.shape(),
                "images",
                shape,
                shape.size(0),
                ids.shape().last());
        Checks.matches(
                "pixelLoss",
                "pred",
                pred.shape(),
                "ids",
                ids.shape(),
                shape.size(0),
                ids.shape().last(),
                patch * patch * shape.size(1));
        Tape tape = pred.tape();
        Tensor loss = tape.empty(DType.F32, 1);
        Tensor stats = tape.empty(DType.F32, 2 * ids.count());
        tape.backend().pixelLossForward(loss, stats, pred, images, ids, patch, normPix);
        return tape.record(new PixelLossOp(pred, images, ids, stats, patch, normPix), loss, pred.needsGradient());
    }

    @Override
    public void backward(Tensor dloss, Gradients gradients) {
        Tensor dpred = pred.tape().emptyLike(pred);
        pred.tape().backend().pixelLossBackward(dpred, dloss, stats, pred, images, ids, patch, normPix);
        gradients.add(pred, dpred);
    }
}
