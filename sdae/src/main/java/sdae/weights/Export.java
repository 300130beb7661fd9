package sdae.weights;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import sdae.io.AtomicFolder;
import sdae.io.Disk;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.UserError;
import sdae.model.ModelSpec;

/**
 * Writes weights under the names of timm or of Hugging Face, with the {@code config.json} that the latter wants.
 *
 * @param bf16 round to BF16, else F32
 * @param imageSize of the images that the position tables are resized for; null: as they are
 * @param classes rows of the head; -1: as it is, 0: none
 * @param decoder whether timm's file keeps the decoder, under the names of MAE's code
 * @param strict whether weights that do not fit are an error; else they are left out
 */
public record Export(Format to, boolean bf16, Sides imageSize, int classes, boolean decoder, boolean strict) {
    private static final String SUFFIX = ".safetensors";

    /**
     * Writes {@code out}: a file, or a folder for {@code model.safetensors} if its name does not end in .safetensors.
     *
     * @return what was written, what was left out and how to load it; a line each
     * @throws UserError (exit 4) that lists what does not fit
     */
    public List<String> write(StoredWeights source, Facts known, Path out) throws IOException {
        Facts facts = known.or(source.facts());
        String name = source.file().toString();
        Map<String, Weight> weights = source.weights();
        Network was = Network.of(weights, facts, name);
        List<String> lines = new ArrayList<>(source.remarks());
        keepWhatFits(weights, was, name, lines);
        Sides grid = change(weights, was);
        leaveOut(weights, was, facts, lines);
        boolean decodes = weights.containsKey("decoder_pred.weight");
        Facts now = new Facts(
                was.spec().heads(),
                decodes ? was.spec().decoderHeads() : 0,
                grid,
                facts.normalization(),
                decodes ? facts.predicts() : null);
        Network network = Network.of(weights, now, name);
        List<Weight> named = named(weights, network, name, lines);

        boolean isFile = out.getFileName().toString().endsWith(SUFFIX);
        Path folder = isFile ? out.toAbsolutePath().getParent() : out;
        Path file = isFile ? out : out.resolve("model" + SUFFIX);
        Output.mustNotExist(file);
        Path config = folder.resolve(HuggingFaceConfig.NAME);
        Path preprocessor = folder.resolve(HuggingFaceConfig.PREPROCESSOR);
        if (to.huggingFace()) {
            Output.mustNotExist(config);
            Output.mustNotExist(preprocessor);
        }
        AtomicFolder.createFolders(Disk.real(), folder);
        Output.write(file, Output.safetensors(named, now, bf16));
        if (to.huggingFace()) {
            Output.json(config, HuggingFaceConfig.config(to, network, now, bf16));
            if (now.normalization() != null) {
                Output.json(preprocessor, HuggingFaceConfig.preprocessor(network, now.normalization()));
            }
        }
        lines.add(0, wrote(file, named));
        lines.add(normalizationLine(now));
        lines.add("load: " + (to.huggingFace() ? loadHuggingFace(network, folder) : loadTimm(network, file)));
        return lines;
    }

    private void keepWhatFits(Map<String, Weight> weights, Network network, String file, List<String> lines) {
        Fit fit = Fit.of(weights, network.parameters());
        if (fit.perfect()) {
            return;
        }
        if (strict) {
            throw new UserError(
                    ExitCode.CHECKPOINT,
                    Printable.of(file) + " does not fit the network that its shapes tell of: " + fit.text()
                            + "; --strict false takes what fits");
        }
        Fit.drop(weights, network.parameters());
        lines.add("did not fit and is left out: " + fit.text());
    }

    /** Returns the new grid. */
    private Sides change(Map<String, Weight> weights, Network network) throws IOException {
        ModelSpec spec = network.spec();
        Sides was = Sides.ofGrid(spec);
        Sides grid = imageSize == null ? was : grid(imageSize, spec.patch());
        Changes.resizePositions(weights, was, grid);
        if (classes >= 0) {
            Changes.resizeHead(weights, spec.width(), classes);
        }
        return grid;
    }

    /** The patches of such an image. */
    static Sides grid(Sides imageSize, int patch) {
        if (imageSize.height() % patch != 0 || imageSize.width() % patch != 0) {
            throw new UserError(
                    ExitCode.CONFIG, "--image-size must be multiples of the patch " + patch + ", but is " + imageSize);
        }
        return new Sides(imageSize.height() / patch, imageSize.width() / patch);
    }

    /** What the format has no place for by its nature. */
    private void leaveOut(Map<String, Weight> weights, Network network, Facts facts, List<String> lines) {
        boolean pixels = facts.predicts() != Facts.Prediction.FEATURES
                && network.outputs() == network.spec().patchValues();
        boolean keep = to == Format.TIMM ? decoder : to == Format.HF_VITMAE && pixels;
        if (network.outputs() > 0 && !keep) {
            int before = weights.size();
            weights.keySet().removeIf(name -> name.startsWith("decoder_") || name.equals("mask_token"));
            String reason = switch (to) {
                case TIMM -> "timm's models have none; --decoder keeps it";
                case HF_VIT -> "ViT has none";
                case HF_VITMAE -> "it predicts features, ViTMAE's predicts pixels";
            };
            lines.add("left out: the decoder, " + (before - weights.size()) + " tensors (" + reason + ")");
        }
        if (to == Format.HF_VITMAE && weights.remove("head.weight") != null) {
            weights.remove("head.bias");
            lines.add("left out: the head (ViTMAE has none)");
        }
    }

    private List<Weight> named(Map<String, Weight> weights, Network network, String file, List<String> lines) {
        if (!to.huggingFace()) {
            return List.copyOf(new TreeMap<>(weights).values());
        }
        ModelSpec spec = network.spec();
        if (to == Format.HF_VITMAE && spec.imageHeight() != spec.imageWidth()) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "ViTMAE takes square images only, but this network's are " + spec.imageHeight() + "x"
                            + spec.imageWidth() + "; resize with --image-size, or take --to hf-vit");
        }
        List<Weight> left = new ArrayList<>();
        boolean prefixed = to == Format.HF_VITMAE ? network.outputs() > 0 : network.classes() > 0;
        List<Weight> named = HuggingFace.export(new TreeMap<>(weights).values(), prefixed, left);
        if (!left.isEmpty()) {
            String list = left.stream().map(w -> w.name() + " " + w.shape()).collect(Collectors.joining(", "));
            if (strict) {
                throw new UserError(
                        ExitCode.CHECKPOINT,
                        Printable.of(file) + ": " + to + " has no place for " + list
                                + " (its head reads the class token); take --to timm, or leave it out with --strict false");
            }
            lines.add("left out, " + to + " has no place for it: " + list);
        }
        return named;
    }

    private String wrote(Path file, List<Weight> named) {
        long values = named.stream().mapToLong(Weight::count).sum();
        return String.format(
                Locale.ROOT,
                "wrote %s: %d tensors, %,d values, %s, names of %s",
                file,
                named.size(),
                values,
                bf16 ? "bf16" : "f32",
                to);
    }

    private static String normalizationLine(Facts facts) {
        if (facts.normalization() == null) {
            return "pixels: scale them to 0..1 and normalize them as in training; the file does not say how";
        }
        return "pixels: scale them to 0..1, subtract mean "
                + Facts.text(facts.normalization().mean()) + ", divide by std "
                + Facts.text(facts.normalization().std());
    }

    private String loadHuggingFace(Network network, Path folder) {
        String name = HuggingFaceConfig.className(to, network);
        String options = name.equals("ViTModel") ? ", add_pooling_layer=False" : "";
        return "transformers." + name + ".from_pretrained(\"" + folder + "\"" + options + ")";
    }

    private static String loadTimm(Network network, Path file) {
        ModelSpec spec = network.spec();
        return String.format(
                Locale.ROOT,
                "timm.models.VisionTransformer(img_size=(%d, %d), patch_size=%d, in_chans=%d, embed_dim=%d, depth=%d,"
                        + " num_heads=%d, mlp_ratio=%s, num_classes=%d%s)"
                        + ".load_state_dict(safetensors.torch.load_file(\"%s\")%s)",
                spec.imageHeight(),
                spec.imageWidth(),
                spec.patch(),
                spec.channels(),
                spec.width(),
                spec.depth(),
                spec.heads(),
                (double) spec.mlpWidth() / spec.width(),
                network.classes(),
                network.pooled() ? ", global_pool=\"avg\"" : "",
                file,
                network.outputs() > 0 ? ", strict=False" : "");
    }
}
