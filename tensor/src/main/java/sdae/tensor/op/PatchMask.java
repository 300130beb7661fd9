package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.DType;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Which patches of each image are seen. I32 tensors: idsKeep [B, V], idsMasked [B, used] in shuffle order (cut into folds by
 * reshaping), idsRestore [B, L] the rank of each patch.
 */
public record PatchMask(Tensor idsKeep, Tensor idsMasked, Tensor idsRestore) {

    /**
     * Ranks the noise [B, L] of every image in ascending order: the first {@code visible} patches are kept, the next
     * {@code used} are the masked ones that the loss looks at.
     */
    public static PatchMask of(Tensor noise, int visible, int used) {
        Checks.rank("patchMask", "noise", noise.shape(), 2);
        int batch = noise.shape().size(0);
        int patches = noise.shape().size(1);
        Checks.that(
                visible >= 1 && used >= 1 && used <= patches - visible,
                "patchMask",
                visible + " visible and " + used + " masked patches do not fit into noise " + noise.shape());
        Tape tape = noise.tape();
        Tensor idsKeep = tape.empty(DType.I32, batch, visible);
        Tensor idsMasked = tape.empty(DType.I32, batch, used);
        Tensor idsRestore = tape.empty(DType.I32, batch, patches);
        tape.backend().patchMask(idsKeep, idsMasked, idsRestore, noise);
        return new PatchMask(idsKeep, idsMasked, idsRestore);
    }

    public int visible() {
        return idsKeep.shape().size(1);
    }

    public int used() {
        return idsMasked.shape().size(1);
    }
}
