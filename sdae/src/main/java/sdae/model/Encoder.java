package sdae.model;

import java.util.ArrayList;
import java.util.List;
import sdae.nn.Block;
import sdae.nn.Init;
import sdae.nn.LayerNorm;
import sdae.nn.PatchEmbed;
import sdae.nn.Positions;
import sdae.tensor.Parameter;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.EmbedTokensOp;

/**
 * A vision transformer without head, with timm's key names: the student's encoder and the teacher are two of these. It embeds
 * only the patches that it is given.
 */
public final class Encoder {
    private final ModelSpec spec;
    private final Parameter clsToken;
    private final Parameter posEmbed;
    private final PatchEmbed patchEmbed;
    private final List<Block> blocks = new ArrayList<>();
    private final LayerNorm norm;

    public Encoder(ModelSpec spec) {
        this(spec, true);
    }

    /** Without the final norm for a classifier that pools first. */
    public Encoder(ModelSpec spec, boolean finalNorm) {
        this.spec = spec;
        clsToken = new Parameter("cls_token", 1, 1, spec.width());
        posEmbed = new Parameter("pos_embed", 1, 1 + spec.patches(), spec.width());
        patchEmbed = new PatchEmbed("patch_embed", spec.channels(), spec.patch(), spec.width());
        for (int i = 0; i < spec.depth(); i++) {
            blocks.add(new Block("blocks." + i, spec.width(), spec.heads(), spec.mlpWidth()));
        }
        norm = finalNorm ? LayerNorm.of("norm", spec.width()) : null;
    }

    /**
     * images [B, C, height, width] to tokens [B*folds, 1 + n/folds, D]: the patches ids [B, n] (null: all, in order) cut into
     * folds, each a sequence of its own behind a class token.
     */
    public Tensor forward(Tensor images, Tensor ids, int folds, DropPath dropPath) {
        Tensor x = embed(images, ids, folds);
        for (int i = 0; i < blocks.size(); i++) {
            x = blocks.get(i).forward(x, dropPath.attention(i), dropPath.mlp(i));
        }
        return norm == null ? x : norm.forward(x);
    }

    /** Queries, keys and values [B, 1 + L, 3, H, Dh] in block {@code block} of whole images; records nothing. */
    public Tensor queriesKeysValues(Tape tape, Tensor images, int block) {
        return tape.scoped(() -> {
            Tensor x = embed(images, null, 1);
            for (Block before : blocks.subList(0, block)) {
                x = before.forward(x, null, null);
            }
            return blocks.get(block).queriesKeysValues(x);
        });
    }

    private Tensor embed(Tensor images, Tensor ids, int folds) {
        Tensor projected = patchEmbed.forward(images, ids);
        int batch = projected.shape().size(0);
        int each = projected.shape().size(1) / folds;
        Tensor foldIds = ids == null ? null : ids.reshape(batch * folds, each);
        return EmbedTokensOp.apply(projected.reshape(batch * folds, each, spec.width()), clsToken, posEmbed, foldIds);
    }

    /** As {@link #forward}, recording nothing and keeping only the result. */
    public Tensor infer(Tape tape, Tensor images, Tensor ids, int folds) {
        return tape.scoped(() -> forward(images, ids, folds, DropPath.NONE));
    }

    /** The position table. */
    public Parameter posEmbed() {
        return posEmbed;
    }

    /** All that is trained in pretraining, in checkpoint order: everything but the position table. */
    public List<Parameter> weights() {
        List<Parameter> weights = new ArrayList<>(List.of(clsToken));
        weights.addAll(patchEmbed.parameters());
        blocks.forEach(block -> weights.addAll(block.parameters()));
        if (norm != null) {
            weights.addAll(norm.parameters());
        }
        return weights;
    }

    /** MAE's initial values and the sin-cos table: a student. */
    public void initStudent(Init init, boolean zeroPatchBias) {
        int fanIn = spec.patchValues();
        for (Parameter p : weights()) {
            if (p == clsToken) {
                init.normal(p, 0.02);
            } else if (p.name().equals("patch_embed.proj.bias") && !zeroPatchBias) {
                init.convDefault(p, fanIn);
            } else {
                Weights.initLayer(init, p);
            }
        }
        posEmbed.value().set(Positions.sinCos(spec.gridRows(), spec.gridCols(), spec.width()));
    }

    /** timm 0.3.2's initial values, position table included: the official teacher, unrelated to its student. */
    public void initTimm(Init init) {
        for (Parameter p : weights()) {
            if (p.name().startsWith("patch_embed.")) {
                init.convDefault(p, spec.patchValues());
            } else if (p == clsToken || Weights.isMatrix(p)) {
                init.truncatedNormal(p, 0.02, 2);
            } else {
                Weights.initLayer(init, p);
            }
        }
        init.truncatedNormal(posEmbed, 0.02, 2);
    }
}
