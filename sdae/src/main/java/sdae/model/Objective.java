package sdae.model;

import sdae.tensor.Tensor;
import sdae.tensor.op.CosineLossOp;
import sdae.tensor.op.PixelLossOp;
import sdae.tensor.op.RegressionLossOp;

/** What the student is asked for. */
public sealed interface Objective {
    /** Predict the standardised features of a teacher. {@code folds} is K. */
    record Sdae(TeacherView view, int folds, Axis axis, Kind kind, boolean centerTokens) implements Objective {
        /** The released recipe: K folds of the masked patches, cosine over the token axis. */
        public static Sdae official(int folds) {
            return new Sdae(TeacherView.MASKED_FOLDS, folds, Axis.AUTO, Kind.COSINE, false);
        }

        /** Sequences that an image's masked patches are cut into. */
        public int sequences() {
            return view == TeacherView.MASKED_FOLDS ? folds : 1;
        }

        /** pred [S, n, D] against teacher tokens [S, skip+n, D]. */
        Tensor loss(Tensor pred, Tensor teacher) {
            return switch (kind) {
                case COSINE -> CosineLossOp.apply(pred, teacher, cosineAxis(), centerTokens);
                case SMOOTH_L1 -> RegressionLossOp.apply(pred, teacher, RegressionLossOp.Kind.SMOOTH_L1);
                case MSE -> RegressionLossOp.apply(pred, teacher, RegressionLossOp.Kind.MSE);
            };
        }

        private CosineLossOp.Axis cosineAxis() {
            boolean token = axis == Axis.TOKEN || (axis == Axis.AUTO && view != TeacherView.FULL);
            return token ? CosineLossOp.Axis.TOKEN : CosineLossOp.Axis.CHANNEL;
        }
    }

    /** Predict pixels, standardised per patch if {@code normPix}. */
    record Mae(boolean normPix) implements Objective {
        Tensor loss(Tensor pred, Tensor images, Tensor idsMasked, int patch) {
            return PixelLossOp.apply(pred, images, idsMasked, patch, normPix);
        }
    }

    /** What the teacher looks at. */
    enum TeacherView {
        /** The masked patches, in K sequences. */
        MASKED_FOLDS,
        /** The masked patches, in one sequence. */
        MASKED,
        /** All patches; the masked ones enter the loss. */
        FULL
    }

    /** What a cosine runs over; AUTO is what the released code does: tokens, but channels for the full view. */
    enum Axis {
        TOKEN,
        CHANNEL,
        AUTO
    }

    /** The distance between prediction and target. */
    enum Kind {
        COSINE,
        SMOOTH_L1,
        MSE
    }
}
