package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.DType;
import sdae.tensor.Shape;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/** Cuts patches out of images; images take no gradient, so nothing is recorded. */
public final class PatchGather {
    private PatchGather() {}

    /**
     * images [B, C, height, width] F32 to patches [B, n, C*p*p] (channel, row, column) of type {@code dtype} for ids [B, n]
     * I32, or all patches row by row when ids is null.
     */
    public static Tensor apply(Tensor images, Tensor ids, int patch, DType dtype) {
        Shape shape = images.shape();
        Checks.rank("patchGather", "images", shape, 4);
        Checks.that(
                patch > 0 && shape.size(2) % patch == 0 && shape.size(3) % patch == 0,
                "patchGather",
                "image sides must be multiples of the patch " + patch + ", but images are " + shape);
        int count = ids == null
                ? shape.size(2) / patch * (shape.size(3) / patch)
                : ids.shape().size(1);
        if (ids != null) {
            Checks.matches("patchGather", "ids", ids.shape(), "images", shape, shape.size(0), count);
        }
        Tape tape = images.tape();
        Tensor patches = tape.empty(dtype, shape.size(0), count, shape.size(1) * patch * patch);
        tape.backend().patchGather(patches, images, ids, patch);
        return patches;
    }
}
