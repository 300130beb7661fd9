package sdae.model;

import java.util.ArrayList;
import java.util.List;
import sdae.nn.Block;
import sdae.nn.Init;
import sdae.nn.LayerNorm;
import sdae.nn.Linear;
import sdae.nn.Positions;
import sdae.tensor.Parameter;
import sdae.tensor.Tensor;
import sdae.tensor.op.GatherTokensOp;
import sdae.tensor.op.PatchMask;
import sdae.tensor.op.UnshuffleOp;

/**
 * MAE's decoder: narrower tokens, mask tokens at the unseen places, a few blocks, and a linear head that predicts the
 * teacher's features (SdAE) or pixels (MAE).
 */
public final class Decoder {
    private final ModelSpec spec;
    private final Linear embed;
    private final Parameter maskToken;
    private final Parameter posEmbed;
    private final List<Block> blocks = new ArrayList<>();
    private final LayerNorm norm;
    private final Linear pred;

    /** {@code outputs} is the encoder's width for SdAE, the values of a patch for MAE. */
    public Decoder(ModelSpec spec, int outputs) {
        this.spec = spec;
        int width = spec.decoderWidth();
        embed = Linear.of("decoder_embed", spec.width(), width);
        maskToken = new Parameter("mask_token", 1, 1, width);
        posEmbed = new Parameter("decoder_pos_embed", 1, 1 + spec.patches(), width);
        for (int i = 0; i < spec.decoderDepth(); i++) {
            blocks.add(new Block("decoder_blocks." + i, width, spec.decoderHeads(), spec.decoderMlpWidth()));
        }
        norm = LayerNorm.of("decoder_norm", width);
        pred = Linear.of("decoder_pred", width, outputs);
    }

    /** latent [B, 1+V, D] to predictions at the masked patches, in shuffle order: [B, M, outputs]. */
    public Tensor forward(Tensor latent, PatchMask mask) {
        // After the last attention, each token goes on by itself: the visible ones, which no loss reads, are left out
        // there.
        int last = blocks.size() - 1;
        Tensor x = blocks.get(last).forwardAt(run(latent, mask, last), t -> GatherTokensOp.apply(t, mask));
        return pred.forward(norm.forward(x));
    }

    /** Predictions for every token, class token first: [B, 1+L, outputs]. */
    public Tensor forwardAll(Tensor latent, PatchMask mask) {
        return pred.forward(norm.forward(run(latent, mask, blocks.size())));
    }

    /** What the first {@code depth} blocks make of the latent tokens and mask tokens, in the order of the patches. */
    private Tensor run(Tensor latent, PatchMask mask, int depth) {
        Tensor x = UnshuffleOp.apply(embed.forward(latent), maskToken, posEmbed, mask.idsRestore());
        for (Block block : blocks.subList(0, depth)) {
            x = block.forward(x, null, null);
        }
        return x;
    }

    /** The fixed position table. */
    public Parameter posEmbed() {
        return posEmbed;
    }

    /** All that is trained, in checkpoint order. */
    public List<Parameter> weights() {
        List<Parameter> weights = new ArrayList<>(List.of(maskToken));
        weights.addAll(embed.parameters());
        blocks.forEach(block -> weights.addAll(block.parameters()));
        weights.addAll(norm.parameters());
        weights.addAll(pred.parameters());
        return weights;
    }

    public void init(Init init) {
        for (Parameter p : weights()) {
            if (p == maskToken) {
                init.normal(p, 0.02);
            } else {
                Weights.initLayer(init, p);
            }
        }
        posEmbed.value().set(Positions.sinCos(spec.gridRows(), spec.gridCols(), spec.decoderWidth()));
    }
}
