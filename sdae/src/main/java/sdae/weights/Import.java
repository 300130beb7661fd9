package sdae.weights;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import sdae.config.Config;
import sdae.io.AtomicFolder;
import sdae.io.CheckpointStore;
import sdae.io.Disk;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.RunLock;
import sdae.io.UserError;
import sdae.model.ModelSpec;
import sdae.tensor.Parameter;

/**
 * Brings weights of timm or Hugging Face under our names, into a run folder of no steps: every command that takes a run
 * takes it.
 *
 * @param imageSize of the images that the position tables are resized for; null: as they are
 * @param classes rows of the head; 0: none
 * @param like the network that the weights must be of; null: the one that their shapes tell of
 * @param strict whether weights that do not fit are an error; else what fits is taken and the rest gets initial values
 */
public record Import(Sides imageSize, int classes, ModelSpec like, boolean strict) {
    /**
     * Writes the folder {@code out}, which must not exist.
     *
     * @return what was written and what was left; a line each
     * @throws UserError (exit 4) that lists what does not fit
     */
    public List<String> write(StoredWeights source, Facts known, Path out) throws IOException {
        Output.mustNotExist(out);
        Facts facts = known.or(source.facts());
        String name = source.file().toString();
        Map<String, Weight> weights = new TreeMap<>(source.weights());
        Network stored = Network.of(weights, facts, name);
        List<String> lines = new ArrayList<>(source.remarks());
        ModelSpec target = like == null ? resized(stored.spec()) : like;
        Sides grid = Sides.ofGrid(target);
        Changes.resizePositions(weights, Sides.ofGrid(stored.spec()), grid);
        if (stored.classes() > 0 && stored.classes() != classes) {
            lines.add("left out: the head of " + stored.classes() + " classes (--head " + stored.classes()
                    + " keeps it)");
        }
        Changes.resizeHead(weights, target.width(), classes);
        Network network = new Network(target, stored.outputs(), stored.pooled(), classes);
        takeWhatFits(weights, network, name, lines);
        Facts now = new Facts(
                target.heads(),
                network.outputs() > 0 ? target.decoderHeads() : 0,
                grid,
                sameChannels(facts, target) ? facts.normalization() : null,
                facts.predicts());
        Config config = config(network, now, lines);
        write(out.toAbsolutePath().normalize(), weights, now, config, source);
        lines.add(
                0,
                "wrote " + out + ": a run of 0 steps, " + weights.size() + " tensors from the names of "
                        + source.format());
        return lines;
    }

    private static boolean sameChannels(Facts facts, ModelSpec target) {
        return facts.normalization() != null && facts.normalization().channels() == target.channels();
    }

    private ModelSpec resized(ModelSpec s) {
        if (imageSize == null) {
            return s;
        }
        Export.grid(imageSize, s.patch());
        return new ModelSpec(
                imageSize.height(),
                imageSize.width(),
                s.channels(),
                s.patch(),
                s.width(),
                s.depth(),
                s.heads(),
                s.mlpWidth(),
                s.decoderWidth(),
                s.decoderDepth(),
                s.decoderHeads(),
                s.decoderMlpWidth());
    }

    private void takeWhatFits(Map<String, Weight> weights, Network network, String file, List<String> lines) {
        Map<String, Parameter> wanted = network.parameters();
        Fit fit = Fit.of(weights, wanted);
        if (fit.perfect()) {
            return;
        }
        if (strict) {
            throw new UserError(
                    ExitCode.CHECKPOINT,
                    Printable.of(file) + " does not fit "
                            + (like == null ? "the network that its shapes tell of" : "the network of --like") + ": "
                            + fit.text() + "; --strict false takes what fits");
        }
        Fit.drop(weights, wanted);
        List<String> lacking = wanted.keySet().stream()
                .filter(tensor -> !weights.containsKey(tensor))
                .toList();
        lines.add("took " + weights.size() + " tensors that fit; left: " + fit.text()
                + (lacking.isEmpty() ? "" : "; what is missing or of another shape has initial values"));
        Changes.initialise(weights, network, lacking);
    }

    /** The settings of this network, checked as any other. */
    private static Config config(Network network, Facts facts, List<String> lines) {
        ModelSpec spec = network.spec();
        List<String> settings = new ArrayList<>(network.settings());
        if (network.outputs() > 0) {
            settings.addAll(List.of(
                    "decoder.width=" + spec.decoderWidth(),
                    "decoder.depth=" + spec.decoderDepth(),
                    "decoder.heads=" + spec.decoderHeads()));
        }
        if (facts.predicts() != null && facts.predicts() != Facts.Prediction.FEATURES) {
            settings.add("objective=mae");
            settings.add("loss.norm_pix=" + (facts.predicts() == Facts.Prediction.NORMALIZED_PIXELS));
        }
        if (facts.normalization() == null) {
            lines.add("pixels: the file does not say how they were normalized; set data.mean and data.std in its"
                    + " config.yaml if you know (auto: measured on your images)");
        }
        settings.addAll(facts.settings());
        return Config.load(null, null, settings);
    }

    /** Everything under another name first, so that a half-written folder is never taken for a run. */
    private static void write(Path out, Map<String, Weight> weights, Facts facts, Config config, StoredWeights source)
            throws IOException {
        Disk disk = Disk.real();
        AtomicFolder.createFolders(disk, out.getParent());
        Path unfinished = out.resolveSibling(AtomicFolder.TEMPORARY + out.getFileName());
        if (Files.exists(unfinished)) {
            AtomicFolder.deleteTree(disk, unfinished);
        }
        disk.createFolder(unfinished);
        try {
            try (RunLock lock = RunLock.acquire(unfinished)) {
                CheckpointStore.open(disk, unfinished, 2, lock, warning -> {})
                        .save(
                                0,
                                Map.of(WeightsFile.STUDENT, Output.safetensors(weights.values(), facts, false)),
                                Map.of("imported", source.file().getFileName().toString()));
            }
            AtomicFolder.writeFile(
                    disk, unfinished.resolve("config.yaml"), config.toYaml().getBytes(StandardCharsets.UTF_8));
            disk.rename(unfinished, out);
            disk.fsyncFolder(out.getParent());
        } catch (IOException | RuntimeException e) {
            if (Files.exists(unfinished)) {
                AtomicFolder.deleteTree(disk, unfinished);
            }
            throw e;
        }
    }
}
