package sdae.nn;

import java.util.List;
import sdae.tensor.Checks;
import sdae.tensor.Parameter;
import sdae.tensor.Shape;
import sdae.tensor.Tensor;
import sdae.tensor.op.LinearOp;
import sdae.tensor.op.PatchGather;

/** Linear projection of non-overlapping patches: a convolution with stride p, computed for the patches that are used only. */
public final class PatchEmbed {
    private final int patch;
    private final Parameter weight;
    private final Parameter bias;

    /** Keys {@code <prefix>.proj.weight} [D, C, p, p] and {@code <prefix>.proj.bias} [D]. */
    public PatchEmbed(String prefix, int channels, int patch, int width) {
        this.patch = patch;
        weight = new Parameter(prefix + ".proj.weight", width, channels, patch, patch);
        bias = new Parameter(prefix + ".proj.bias", width);
    }

    /**
     * images [B, C, height, width] to [B, n, D] for the patches ids [B, n]; all patches, row by row, when ids is null.
     */
    public Tensor forward(Tensor images, Tensor ids) {
        Shape shape = images.shape();
        Checks.rank("patchEmbed", "images", shape, 4);
        Checks.that(
                shape.size(2) % patch == 0 && shape.size(3) % patch == 0,
                "patchEmbed",
                "image sides must be multiples of the patch " + patch + ", but images are " + shape);
        return LinearOp.apply(
                PatchGather.apply(images, ids, patch, weight.matrix().dtype()), weight, bias);
    }

    public int patch() {
        return patch;
    }

    public List<Parameter> parameters() {
        return List.of(weight, bias);
    }
}
