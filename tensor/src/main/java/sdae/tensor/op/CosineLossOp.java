package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.DType;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Shape;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * The SdAE loss: one minus the mean cosine between predictions and standardised teacher tokens.
 *
 * <pre>t = (z - mean(z)) / sqrt(var(z) + 1e-6) per token over channels, var with divisor D-1;   loss = 1 - mean cos(t, s)</pre>
 *
 * pred s: [F, n, D]; teacher z: [F, skip+n, D], without gradient, its first skip rows (the class token) unread; loss: [1].
 * A cosine with a zero vector counts as 0. Source: SdAE engine_pretrain.py ({@code F.cosine_similarity}, default dim 1).
 */
public record CosineLossOp(Tensor pred, Tensor teacher, Tensor stats, Axis axis, boolean center) implements Op {
    /** What the compared vectors run over. */
    public enum Axis {
        /** One cosine per fold and channel, over the fold's tokens: what the released code computes on folds. */
        TOKEN(0),
        /** One cosine per token, over its channels. */
        CHANNEL(1);

        private final int code;

        Axis(int code) {
            this.code = code;
        }
    }

    /** {@code center} (token axis only) takes each channel's mean over the fold from both sides first. */
    public static Tensor apply(Tensor pred, Tensor teacher, Axis axis, boolean center) {
        checkTeacher("cosineLoss", pred, teacher);
        Checks.that(
                !center || axis == Axis.TOKEN,
                "cosineLoss",
                "centring is defined for the token axis, but axis is " + axis);
        Shape shape = pred.shape();
        int folds = shape.size(0);
        int tokens = shape.size(1);
        int cosines = folds * (axis == Axis.TOKEN ? shape.last() : tokens);
        Tape tape = pred.tape();
        Tensor loss = tape.empty(DType.F32, 1);
        Tensor stats = tape.empty(DType.F32, 2 * folds * tokens + 5 * cosines);
        tape.backend().cosineLossForward(loss, stats, pred, teacher, axis.code, center);
        return tape.record(new CosineLossOp(pred, teacher, stats, axis, center), loss, pred.needsGradient());
    }

    static void checkTeacher(String op, Tensor pred, Tensor teacher) {
        Checks.rank(op, "pred", pred.shape(), 3);
        Shape p = pred.shape();
        Shape t = teacher.shape();
        Checks.that(
                t.rank() == 3 && t.size(0) == p.size(0) && t.size(1) >= p.size(1) && t.last() == p.last(),
                op,
                "teacher must be [" + p.size(0) + ", " + p.size(1) + " or more, " + p.last() + "] to match pred " + p
                        + ", but is " + t);
        Checks.that(p.last() > 1, op, "a token needs at least 2 channels to be standardised, but pred is " + p);
    }

    @Override
    public void backward(Tensor dloss, Gradients gradients) {
        Tensor dpred = pred.tape().emptyLike(pred);
        pred.tape().backend().cosineLossBackward(dpred, dloss, stats, pred, teacher, axis.code, center);
        gradients.add(pred, dpred);
    }
}
