package sdae.eval;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import sdae.config.Config;
import sdae.io.CheckpointStore;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.UserError;
import sdae.model.Classifier.Pool;
import sdae.model.Encoder;
import sdae.model.ModelSpec;
import sdae.model.Weights;
import sdae.nn.Init;
import sdae.nn.LayerNorm;
import sdae.tensor.Backend;
import sdae.tensor.Devices;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.MeanPoolOp;
import sdae.weights.Facts;
import sdae.weights.WeightsFile;

/**
 * A frozen encoder, from a run folder (its last good checkpoint) or from weights by the names of timm or Hugging Face. The settings
 * are the run's, or for a file of its own those that the shapes of its tensors tell; each can be overridden.
 */
public final class Backbone implements AutoCloseable {
    /** Which network of a run. */
    public enum Network {
        STUDENT,
        TEACHER,
        /** The student before its first step: what training must beat. */
        UNTRAINED
    }

    /**
     * Where weights are and how to read them.
     *
     * @param path a run folder, or a safetensors file under the names of timm or Hugging Face
     * @param sets {@code key=value} each, over the run's own settings: other data, another {@code image.size}
     * @param strict whether a tensor that does not fit is an error; else it is said
     */
    public record Origin(Path path, Network network, List<String> sets, boolean strict) {
        private static final Pattern HEADS = Pattern.compile("model\\.heads=([1-9]\\d{0,3})");

        public Origin {
            sets = List.copyOf(sets);
        }

        /** The settings, complete. @throws UserError if there is neither run nor file */
        public Config config() throws IOException {
            if (Files.isRegularFile(path)) {
                Path run = runOf(path);
                if (run != null) {
                    return Config.load(run.resolve("config.yaml"), null, sets);
                }
                List<String> all = new ArrayList<>(WeightsFile.settings(path, told()));
                all.addAll(sets);
                return Config.load(null, null, all);
            }
            Path file = path.resolve("config.yaml");
            if (!Files.exists(file)) {
                throw new UserError(
                        ExitCode.CONFIG,
                        Printable.of(path.toString()) + " is neither a run folder (it has no config.yaml) nor a weights"
                                + " file");
            }
            return Config.load(file, null, sets);
        }

        /** The heads, which no shape tells: the last that the settings name. */
        private Facts told() {
            return sets.stream()
                    .map(HEADS::matcher)
                    .filter(Matcher::matches)
                    .reduce((first, last) -> last)
                    .map(heads -> Facts.ofHeads(Integer.parseInt(heads.group(1))))
                    .orElse(Facts.NONE);
        }

        /** The run that a checkpoint's file lies in, or null. */
        private static Path runOf(Path file) {
            Path folder = file.toAbsolutePath().normalize();
            for (int up = 0; up < 3 && folder.getParent() != null; up++) {
                folder = folder.getParent();
            }
            return Files.exists(folder.resolve("config.yaml")) && Files.isDirectory(folder.resolve("checkpoints"))
                    ? folder
                    : null;
        }

        /** The weights file of a trained network. @throws UserError if there is none */
        public Path file() throws IOException {
            return weights().file;
        }

        /** The weights file; null for the untrained network, which needs none. */
        Weighted weights() throws IOException {
            if (network == Network.UNTRAINED) {
                return new Weighted(null, 0);
            }
            if (Files.isRegularFile(path)) {
                return new Weighted(path, -1);
            }
            CheckpointStore.Checkpoint last = CheckpointStore.readOnly(path, System.err::println)
                    .latestGood()
                    .orElseThrow(() -> new UserError(
                            ExitCode.CHECKPOINT, Printable.of(path.toString()) + " has no checkpoint yet"));
            Path classifier = last.file(WeightsFile.CLASSIFIER);
            Path file = network == Network.TEACHER
                    ? last.file(WeightsFile.TEACHER)
                    : Files.exists(classifier) ? classifier : last.file(WeightsFile.STUDENT);
            if (!Files.exists(file)) {
                throw new UserError(
                        ExitCode.CHECKPOINT,
                        Printable.of(path.toString()) + " has no "
                                + network.name().toLowerCase(java.util.Locale.ROOT) + ": it was not trained with one");
            }
            return new Weighted(file, last.step());
        }
    }

    record Weighted(Path file, long step) {
        boolean poolsFirst() throws IOException {
            return file != null && WeightsFile.poolsFirst(file);
        }
    }

    private final Config config;
    private final Backend backend;
    private final Encoder encoder;
    /** Behind the mean of the patch tokens, of a classifier that pools first; else null. */
    private final LayerNorm poolNorm;

    private final ParameterBuffer parameters;
    private final long step;

    private Backbone(Config config, Backend backend, long step, boolean poolsFirst) {
        this.config = config;
        this.backend = backend;
        this.step = step;
        encoder = new Encoder(config.model(), !poolsFirst);
        poolNorm = poolsFirst ? LayerNorm.of("fc_norm", config.model().width()) : null;
        parameters = new ParameterBuffer(
                backend,
                false,
                Weights.encoderSegments(encoder, poolsFirst ? poolNorm.parameters() : List.of()),
                config.dtype());
    }

    /** Opens on the device and with the dtype that the settings name. */
    public static Backbone open(Origin origin, Consumer<String> say) throws IOException {
        Config config = origin.config();
        return open(origin, config, Devices.open(config.text("device")), say);
    }

    /**
     * Opens on a device that is open already.
     *
     * @param say told in one line what a load that is not strict has left out
     * @throws UserError (exit 4) that lists what does not fit
     */
    public static Backbone open(Origin origin, Config config, Backend backend, Consumer<String> say)
            throws IOException {
        Weighted weights = origin.weights();
        Backbone backbone = new Backbone(config, backend, weights.step, weights.poolsFirst());
        try {
            // a file that is not strict may leave any of these
            backbone.encoder.initStudent(
                    new Init(config.longInteger("seed")),
                    config.text("init.patch_bias").equals("zero"));
            if (backbone.poolNorm != null) {
                Init.constant(backbone.poolNorm.gamma(), 1);
                Init.constant(backbone.poolNorm.beta(), 0);
            }
            backbone.parameters.round();
            if (weights.file != null) {
                WeightsFile.load(
                        weights.file, backbone.parameters, WeightsFile.Rules.of(config.model(), origin.strict), say);
            }
            return backbone;
        } catch (IOException | RuntimeException e) {
            backbone.close();
            throw e;
        }
    }

    public Config config() {
        return config;
    }

    public ModelSpec spec() {
        return config.model();
    }

    public Backend backend() {
        return backend;
    }

    /** Its tokens are behind the last norm, but for a classifier that pools first. */
    public Encoder encoder() {
        return encoder;
    }

    /**
     * images [B, C, height, width] to pooled features [B, D], behind the last norm; records nothing.
     *
     * @throws UserError (exit 2) for the class token of a classifier that was trained on the mean
     */
    public Tensor features(Tape tape, Tensor images, Pool pool) {
        if (poolNorm == null) {
            return Features.pooled(encoder, tape, images, pool);
        }
        if (pool != Pool.MEAN) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "features: this network was fine-tuned on the mean of its patch tokens, its class token means nothing;"
                            + " take --pool mean");
        }
        return tape.scoped(() -> poolNorm.forward(MeanPoolOp.apply(encoder.infer(tape, images, null, 1))));
    }

    /** The encoder's parameters under timm's names. */
    public ParameterBuffer parameters() {
        return parameters;
    }

    /** Steps that the network was trained for; -1 where only a weights file is known. */
    public long step() {
        return step;
    }

    @Override
    public void close() {
        parameters.close();
    }
}
