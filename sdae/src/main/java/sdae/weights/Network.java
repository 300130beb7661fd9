package sdae.weights;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.UserError;
import sdae.model.Decoder;
import sdae.model.Encoder;
import sdae.model.ModelSpec;
import sdae.nn.LayerNorm;
import sdae.nn.Linear;
import sdae.tensor.Parameter;

/**
 * The network that a set of weights is of, read from their shapes.
 *
 * @param spec sizes; those of the decoder mean nothing without one
 * @param outputs values that the decoder predicts for a patch; 0: there is no decoder
 * @param pooled whether {@code fc_norm} behind mean pooling takes the place of the final {@code norm}
 * @param classes rows of the head; 0: there is none
 */
record Network(ModelSpec spec, int outputs, boolean pooled, int classes) {
    private static final String PATCH = "patch_embed.proj.weight";
    private static final Pattern BLOCK = Pattern.compile("(decoder_)?blocks\\.(\\d{1,4})\\..*");
    /** Width to heads: DeiT and ViT, tiny to huge (Touvron et al. 2021, Dosovitskiy et al. 2021). A guess for others would be silent. */
    private static final Map<Integer, Integer> PUBLISHED = Map.of(192, 3, 384, 6, 768, 12, 1024, 16, 1280, 16);
    /** The same of MAE's decoders (He et al. 2021). */
    private static final Map<Integer, Integer> PUBLISHED_DECODERS = Map.of(512, 16);

    private static final int MOST = 1 << 16;
    private static final int WIDEST = 1 << 14;
    private static final int SHOWN = 5;

    /**
     * @param weights by our names
     * @throws UserError (exit 4) if they are of no vision transformer, or if something must be told that is not
     */
    static Network of(Map<String, Weight> weights, Facts facts, String file) {
        List<Long> patch = shape(weights, PATCH, 4);
        List<Long> positions = shape(weights, "pos_embed", 3);
        if (patch == null || positions == null || !patch.get(2).equals(patch.get(3))) {
            String some = weights.values().stream()
                    .limit(SHOWN)
                    .map(weight -> Printable.of(weight.name()) + " " + weight.shape())
                    .collect(Collectors.joining(", "));
            throw fault(
                    file,
                    "holds no vision transformer that SdAE knows: it needs " + PATCH
                            + " [width, channels, side, side] and pos_embed [1, 1 + patches, width]; it begins with "
                            + some);
        }
        int width = Math.min(size(patch.get(0), file), WIDEST);
        int side = size(patch.get(2), file);
        Sides grid = grid(size(positions.get(1), file) - 1, facts);
        if (grid == null) {
            throw fault(
                    file,
                    "has " + (positions.get(1) - 1) + " positions, which is no square, and does not say in what grid;"
                            + " tell it to import or export with --grid ROWSxCOLUMNS");
        }
        List<Long> fc1 = shape(weights, "blocks.0.mlp.fc1.weight", 2);
        List<Long> embed = shape(weights, "decoder_embed.weight", 2);
        List<Long> pred = shape(weights, "decoder_pred.weight", 2);
        List<Long> decoderFc1 = shape(weights, "decoder_blocks.0.mlp.fc1.weight", 2);
        boolean decodes = embed != null && pred != null;
        int decoderWidth = decodes ? Math.min(size(embed.get(0), file), WIDEST) : width;
        List<Long> head = shape(weights, "head.weight", 2);
        ModelSpec spec;
        try {
            spec = new ModelSpec(
                    grid.height() * side,
                    grid.width() * side,
                    size(patch.get(1), file),
                    side,
                    width,
                    depth(weights, false),
                    heads(
                            width,
                            facts.heads(),
                            PUBLISHED,
                            "--heads, or --set model.heads=N where there is no such option",
                            file),
                    fc1 == null ? 4 * width : size(fc1.get(0), file),
                    decoderWidth,
                    depth(weights, true),
                    decodes
                            ? heads(decoderWidth, facts.decoderHeads(), PUBLISHED_DECODERS, "--decoder-heads", file)
                            : 1,
                    decoderFc1 == null ? 4 * decoderWidth : size(decoderFc1.get(0), file));
        } catch (IllegalArgumentException e) {
            throw fault(file, String.valueOf(e.getMessage()));
        }
        return new Network(
                spec,
                decodes ? size(pred.get(0), file) : 0,
                pooled(weights),
                head == null ? 0 : size(head.get(0), file));
    }

    /** Every tensor that the network has, with its shape, in checkpoint order. */
    Map<String, Parameter> parameters() {
        List<Parameter> all = new ArrayList<>();
        Encoder encoder = new Encoder(spec, !pooled);
        all.add(encoder.posEmbed());
        all.addAll(encoder.weights());
        if (pooled) {
            all.addAll(LayerNorm.of("fc_norm", spec.width()).parameters());
        }
        if (classes > 0) {
            all.addAll(List.of(
                    Linear.of("head", spec.width(), classes).weight(),
                    Linear.of("head", spec.width(), classes).bias()));
        }
        if (outputs > 0) {
            Decoder decoder = new Decoder(spec, outputs);
            all.add(decoder.posEmbed());
            all.addAll(decoder.weights());
        }
        Map<String, Parameter> byName = new LinkedHashMap<>();
        all.forEach(p -> byName.put(p.name(), p));
        return byName;
    }

    /** The sizes of the encoder as settings. */
    List<String> settings() {
        return List.of(
                "image.size=" + spec.imageHeight() + "x" + spec.imageWidth(),
                "in_chans=" + spec.channels(),
                "model.name=custom",
                "model.patch=" + spec.patch(),
                "model.width=" + spec.width(),
                "model.depth=" + spec.depth(),
                "model.heads=" + spec.heads(),
                "model.mlp_ratio=" + (double) spec.mlpWidth() / spec.width());
    }

    /** Rows and columns of that many patches: as the facts say, else a square; null if neither fits. */
    static Sides grid(long patches, Facts facts) {
        if (facts.grid() != null && facts.grid().area() == patches) {
            return facts.grid();
        }
        long root = Math.round(Math.sqrt((double) Math.max(0, patches)));
        return root > 0 && root <= MOST && root * root == patches ? new Sides((int) root, (int) root) : null;
    }

    /** Whether the only norm behind the encoder is that of a classifier that pools first. */
    static boolean pooled(Map<String, Weight> weights) {
        return weights.containsKey("fc_norm.weight") && !weights.containsKey("norm.weight");
    }

    private static int heads(int width, int known, Map<Integer, Integer> published, String option, String file) {
        int heads = known > 0 ? known : published.getOrDefault(width, 0);
        if (heads == 0 || width % heads != 0) {
            throw fault(
                    file,
                    "is " + width + " wide, and its number of heads "
                            + (heads == 0 ? "is not in the file" : heads + " does not divide that") + "; give it with "
                            + option);
        }
        return heads;
    }

    private static int depth(Map<String, Weight> weights, boolean ofDecoder) {
        int depth = 0;
        for (String name : weights.keySet()) {
            Matcher block = BLOCK.matcher(name);
            if (block.matches() && (block.group(1) != null) == ofDecoder) {
                depth = Math.max(depth, 1 + Integer.parseInt(block.group(2)));
            }
        }
        return depth;
    }

    private static List<Long> shape(Map<String, Weight> weights, String name, int rank) {
        Weight weight = weights.get(name);
        return weight == null || weight.shape().size() != rank ? null : weight.shape();
    }

    private static int size(long size, String file) {
        if (size < 1 || size > MOST) {
            throw fault(file, "has a tensor of size " + size + ", but sizes must be 1 to " + MOST);
        }
        return (int) size;
    }

    private static UserError fault(String file, String what) {
        return new UserError(ExitCode.CHECKPOINT, Printable.of(file) + " " + what);
    }
}
