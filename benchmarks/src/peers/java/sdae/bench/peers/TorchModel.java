package sdae.bench.peers;

import static sdae.bench.peers.TorchLayers.Attention;
import static sdae.bench.peers.TorchLayers.Block;
import static sdae.bench.peers.TorchLayers.Linear;
import static sdae.bench.peers.TorchLayers.Norm;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BiFunction;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.T_TensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import sdae.model.Decoder;
import sdae.model.Encoder;
import sdae.model.ModelSpec;
import sdae.tensor.Parameter;

/**
 * Student, decoder and teacher of SdAE in libtorch, with the names and shapes of this project's own model. Only patches that
 * a network sees are embedded, and only masked tokens are predicted, as in {@link sdae.model.SdaeModel}.
 */
final class TorchModel {
    private static final double TARGET_EPS = 1e-6;
    private static final double COSINE_EPS = 1e-8;

    /** A vision transformer without head: the student's encoder or the teacher. */
    private record Vit(Tensor clsToken, Tensor posEmbed, Linear patches, List<Block> blocks, Norm norm) {
        static Vit of(Map<String, Tensor> parameters, ModelSpec spec, Attention kind) {
            return new Vit(
                    parameters.get("cls_token"),
                    parameters.get("pos_embed").view(1 + spec.patches(), spec.width()),
                    Linear.of(parameters, "patch_embed.proj"),
                    blocksOf(parameters, "blocks.", spec.depth(), spec.heads(), kind),
                    Norm.of(parameters, "norm"));
        }

        /** patches [S, n, P] at places ids [S, n] to tokens [S*(1+n), D]. */
        Tensor forward(Tensor patches, Tensor ids) {
            long sequences = patches.size(0);
            long each = patches.size(1);
            Tensor x = Torch.scoped(() -> {
                Tensor rows = this.patches.forward(patches.reshape(sequences * each, -1));
                Tensor tokens = embed(rows.view(sequences, each, -1), clsToken, posEmbed, ids);
                return tokens.view(sequences * (1 + each), -1);
            });
            for (Block block : blocks) {
                Tensor in = x;
                x = Torch.scoped(() -> block.forward(in, sequences));
            }
            return norm.forward(x);
        }
    }

    /** What the step needs of the order of the patches. */
    record Mask(Tensor keep, Tensor masked, Tensor restore) {
        /** noise [B, L]; the first {@code used} masked patches go to the teacher. */
        static Mask of(Tensor noise, long visible, long used) {
            Tensor order = torch.argsort(noise, 1, false);
            return new Mask(
                    order.narrow(1, 0, visible), order.narrow(1, visible, used), torch.argsort(order, 1, false));
        }
    }

    private final ModelSpec spec;
    private final int folds;
    private final int visible;
    private final int used;
    private final int axis;
    private final Map<String, Tensor> student = new LinkedHashMap<>();
    private final Map<String, Tensor> teacher = new LinkedHashMap<>();
    private final Vit encoder;
    private final Vit teacherVit;
    private final Linear decoderEmbed;
    private final Tensor maskToken;
    private final Tensor decoderPos;
    private final List<Block> decoderBlocks;
    private final Norm decoderNorm;
    private final Linear decoderPred;

    /**
     * @param values a parameter's starting values, by model ({@code "student"} or {@code "teacher"}) and parameter
     * @param visible patches that the student sees, V
     * @param folds sequences that an image's masked patches are cut into, K
     * @param tokenAxis whether a cosine runs over the tokens of a fold (as in the released code) or over channels
     */
    TorchModel(
            ModelSpec spec,
            int visible,
            int folds,
            boolean tokenAxis,
            Attention kind,
            BiFunction<String, Parameter, float[]> values) {
        this.spec = spec;
        this.folds = folds;
        this.visible = visible;
        used = (spec.patches() - visible) / folds * folds;
        axis = tokenAxis ? 1 : 2;
        Encoder names = new Encoder(spec);
        Decoder decoderNames = new Decoder(spec, spec.width());
        add(student, "student", List.of(names.posEmbed(), decoderNames.posEmbed()), false, values);
        add(student, "student", names.weights(), true, values);
        add(student, "student", decoderNames.weights(), true, values);
        add(teacher, "teacher", List.of(names.posEmbed()), false, values);
        add(teacher, "teacher", names.weights(), false, values);
        encoder = Vit.of(student, spec, kind);
        teacherVit = Vit.of(teacher, spec, kind);
        decoderEmbed = Linear.of(student, "decoder_embed");
        maskToken = student.get("mask_token");
        decoderPos = student.get("decoder_pos_embed");
        decoderBlocks = blocksOf(student, "decoder_blocks.", spec.decoderDepth(), spec.decoderHeads(), kind);
        decoderNorm = Norm.of(student, "decoder_norm");
        decoderPred = Linear.of(student, "decoder_pred");
    }

    private static void add(
            Map<String, Tensor> to,
            String model,
            List<Parameter> parameters,
            boolean trained,
            BiFunction<String, Parameter, float[]> values) {
        for (Parameter p : parameters) {
            long[] sizes = new long[p.shape().rank()];
            for (int i = 0; i < sizes.length; i++) {
                sizes[i] = p.shape().size(i);
            }
            Tensor tensor = Torch.of(values.apply(model, p), sizes);
            tensor.set_requires_grad(trained);
            to.put(p.name(), tensor);
        }
    }

    private static List<Block> blocksOf(
            Map<String, Tensor> parameters, String name, int depth, int heads, Attention kind) {
        List<Block> blocks = new ArrayList<>();
        for (int i = 0; i < depth; i++) {
            blocks.add(Block.of(parameters, name + i, heads, kind));
        }
        return blocks;
    }

    ModelSpec spec() {
        return spec;
    }

    /** The student's parameters and fixed tables by checkpoint key. */
    Map<String, Tensor> student() {
        return student;
    }

    Map<String, Tensor> teacher() {
        return teacher;
    }

    Mask mask(Tensor noise) {
        return Mask.of(noise, visible, used);
    }

    /** images [B, C, height, width] to patches [B, L, P], values in the order of a convolution's weights. */
    Tensor patchify(Tensor images) {
        long batch = images.size(0);
        long p = spec.patch();
        return images.view(batch, spec.channels(), spec.gridRows(), p, spec.gridCols(), p)
                .permute(0, 2, 4, 1, 3, 5)
                .reshape(batch, spec.patches(), spec.patchValues());
    }

    /** The rows ids [B, n] of x [B, N, D]. */
    private static Tensor gather(Tensor x, Tensor ids) {
        return torch.gather(x, 1, ids.unsqueeze(2).expand(ids.size(0), ids.size(1), x.size(2)));
    }

    /** The teacher's standardised tokens [B*K, n, D]; to be called without gradients. */
    Tensor target(Tensor patches, Mask mask) {
        return Torch.scoped(() -> {
            long sequences = patches.size(0) * folds;
            long each = used / folds;
            Tensor seen = gather(patches, mask.masked).view(sequences, each, spec.patchValues());
            Tensor tokens = teacherVit
                    .forward(seen, mask.masked.reshape(sequences, each))
                    .view(sequences, 1 + each, spec.width())
                    .narrow(1, 1, each);
            return standardised(tokens);
        });
    }

    /** The student's predictions at the masked patches, in shuffle order: [B*K, n, D]. */
    Tensor predict(Tensor patches, Mask mask) {
        long batch = patches.size(0);
        long places = spec.patches();
        Tensor latent = encoder.forward(gather(patches, mask.keep), mask.keep);
        Tensor x = Torch.scoped(() -> {
            Tensor embedded = decoderEmbed.forward(latent);
            Tensor tokens = embedded.view(batch, 1 + visible, -1);
            return unshuffle(tokens, maskToken.to(embedded.scalar_type()), mask.restore, decoderPos)
                    .view(batch * (1 + places), -1);
        });
        for (Block block : decoderBlocks) {
            Tensor in = x;
            x = Torch.scoped(() -> block.forward(in, batch));
        }
        Tensor last = x;
        return Torch.scoped(() -> {
            Tensor tokens = gather(last.view(batch, 1 + places, -1), mask.masked.add(new Scalar(1)));
            Tensor pred = decoderPred.forward(decoderNorm.forward(tokens.view(batch * used, -1)));
            return pred.to(torch.ScalarType.Float).view(batch * folds, used / folds, spec.width());
        });
    }

    /** Projected patches [S, n, D] at places ids [S, n] behind a class token [1, 1, D], positions [1+L, D] added. */
    static Tensor embed(Tensor projected, Tensor clsToken, Tensor pos, Tensor ids) {
        long sequences = projected.size(0);
        Tensor places = pos.index_select(0, ids.reshape(-1).add(new Scalar(1)));
        Tensor tokens = projected.add(places.view(sequences, projected.size(1), -1));
        Tensor first = clsToken.add(pos.narrow(0, 0, 1)).expand(sequences, 1, tokens.size(2));
        return torch.cat(new TensorVector(first, tokens), 1);
    }

    /** Tokens [B, 1+V, D] back in image order, the mask token [1, 1, D] elsewhere, positions added: [B, 1+L, D]. */
    static Tensor unshuffle(Tensor tokens, Tensor maskToken, Tensor restore, Tensor pos) {
        long batch = tokens.size(0);
        // One mask token behind the visible ones: every masked place reads that row.
        Tensor rows = torch.cat(new TensorVector(tokens, maskToken.expand(batch, 1, tokens.size(2))), 1);
        Tensor row = restore.add(new Scalar(1)).clamp_max(new Scalar(tokens.size(1)));
        Tensor all = torch.cat(new TensorVector(torch.zeros_like(row.narrow(1, 0, 1)), row), 1);
        return gather(rows, all).add(pos);
    }

    /** Number of each sample's first row among all rows: [B, 1]. */
    static Tensor firstRows(long batch, long each) {
        return torch.arange(new Scalar(batch))
                .to(torch.ScalarType.Long)
                .mul(new Scalar(each))
                .unsqueeze(1);
    }

    /** Every token [.., D] to mean 0 and variance 1 over its channels, the variance with divisor D - 1. */
    static Tensor standardised(Tensor tokens) {
        Tensor wide = tokens.to(torch.ScalarType.Float);
        T_TensorTensor_T moments = torch.var_mean(wide, new long[] {2}, true, true);
        Tensor rstd = moments.get0().add(new Scalar(TARGET_EPS)).rsqrt();
        return wide.sub(moments.get1()).mul(rstd);
    }

    /** 1 - mean cosine of [S, n, D] each. */
    Tensor loss(Tensor target, Tensor pred) {
        return loss(target, pred, axis);
    }

    static Tensor loss(Tensor target, Tensor pred, int axis) {
        return torch.cosine_similarity(target, pred, axis, COSINE_EPS)
                .mean()
                .neg()
                .add(new Scalar(1));
    }

    /** Random matrices of MAE's size, norms that do nothing yet: what a step costs does not depend on the values. */
    static float[] startingValues(String network, Parameter p) {
        float[] values = new float[p.shape().count()];
        if (p.shape().rank() == 1) {
            Arrays.fill(values, p.name().endsWith(".weight") ? 1 : 0);
            return values;
        }
        Random random = new Random(p.name().hashCode() + network.hashCode());
        double scale = p.shape().rank() == 2
                ? Math.sqrt(2.0 / (p.shape().size(0) + p.shape().size(1)))
                : 0.02;
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) (scale * random.nextGaussian());
        }
        return values;
    }
}
