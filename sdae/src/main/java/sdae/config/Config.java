package sdae.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import sdae.io.ExitCode;
import sdae.io.Hashes;
import sdae.io.UserError;
import sdae.model.ModelSpec;
import sdae.model.Objective;
import sdae.tensor.DType;

/**
 * The settings of a run, complete and checked. Precedence: defaults, preset, YAML file, {@code --set key=value}. Names are
 * dotted; a file may nest them.
 */
public final class Config {
    private final Map<String, Object> values;
    private final ModelSpec model;
    private final Patches patches;
    private final Objective objective;

    /** How an image is cut: L patches, V of them visible, M masked, of which K folds of {@code foldSize} are used. */
    public record Patches(int all, int visible, int masked, int folds, int foldSize) {
        /** Masked patches that the loss looks at. */
        public int used() {
            return folds * foldSize;
        }
    }

    private Config(Map<String, Object> values) {
        this.values = values;
        ConfigChecks.values(this);
        this.model = ConfigChecks.model(this);
        this.patches = ConfigChecks.patches(this, model);
        this.objective = ConfigChecks.objective(this, patches);
    }

    /**
     * @param file YAML, or null
     * @param preset overrides the file's, or null
     * @param sets {@code key=value} each
     * @throws UserError (exit 2) with every fault at once
     */
    public static Config load(Path file, String preset, List<String> sets) {
        return load(List.of(), file, preset, sets);
    }

    /** As above, with settings ({@code key=value} each) that come after the preset and before the file. */
    public static Config load(List<String> inherited, Path file, String preset, List<String> sets) {
        return new Config(ConfigReader.read(inherited, file, preset, sets));
    }

    /** Settings ({@code key=value} each) from one place, which faults name. */
    public record Layer(String where, List<String> settings) {
        public Layer {
            settings = List.copyOf(settings);
        }
    }

    /** Defaults, the preset that the last layer with one names, and the layers in order. @throws UserError (exit 2) */
    public static Config of(List<Layer> layers) {
        return new Config(ConfigReader.read(layers));
    }

    /** These settings as {@code key=value}, for another config to inherit. */
    public List<String> settings(List<String> keys) {
        return keys.stream().map(key -> key + "=" + values.get(key)).toList();
    }

    /** Whether this is of a classifier: fine-tuning, not pretraining. */
    public boolean classifies() {
        return text("objective").equals("classify");
    }

    /** Settings of fine-tuning say nothing about a pretraining run, and are not written for one. */
    private boolean applies(String key) {
        return classifies() || !key.startsWith("finetune.");
    }

    public String text(String key) {
        return (String) get(key, String.class);
    }

    public int integer(String key) {
        return Math.toIntExact(longInteger(key));
    }

    public long longInteger(String key) {
        return (Long) get(key, Long.class);
    }

    public double number(String key) {
        return (Double) get(key, Double.class);
    }

    public boolean flag(String key) {
        return (Boolean) get(key, Boolean.class);
    }

    /** Both ends of a {@code [low, high]} setting. */
    public double[] pair(String key) {
        return ((List<?>) get(key, List.class))
                .stream().mapToDouble(v -> (Double) v).toArray();
    }

    private Object get(String key, Class<?> type) {
        Object value = values.get(key);
        if (!type.isInstance(value)) {
            throw new IllegalArgumentException("config: there is no " + type.getSimpleName() + " setting " + key);
        }
        return value;
    }

    /** Sizes of the networks. */
    public ModelSpec model() {
        return model;
    }

    /** What activations are stored as. */
    public DType dtype() {
        return text("model.dtype").equals("bf16") ? DType.BF16 : DType.F32;
    }

    public Patches patches() {
        return patches;
    }

    public Objective objective() {
        return objective;
    }

    /** Images an update looks at. */
    public int imagesPerStep() {
        return integer("train.batch") * integer("train.accumulate");
    }

    /** The peak learning rate: as given, or scaled from the base rate. */
    public double peakLearningRate() {
        double lr = number("optim.lr");
        return lr > 0 ? lr : number("optim.blr") * imagesPerStep() / 256;
    }

    /** Everything, as YAML with one dotted key a line. */
    public String toYaml() {
        StringBuilder yaml = new StringBuilder();
        values.forEach((key, value) -> {
            if (applies(key)) {
                yaml.append(key).append(": ").append(scalar(value)).append('\n');
            }
        });
        return yaml.toString();
    }

    private static String scalar(Object value) {
        if (value instanceof String text) {
            boolean plain = text.matches("[A-Za-z_./][-A-Za-z0-9_./]*")
                    && !text.matches("(?i)true|false|null|yes|no|on|off|y|n");
            return plain ? text : '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
        }
        return value.toString();
    }

    /** Names the recipe: SHA-256 over the settings that can change what is learned. */
    public String hash() {
        StringBuilder text = new StringBuilder();
        Keys.all().values().stream()
                .filter(key -> key.result() && applies(key.name()))
                .forEach(key -> text.append(key.name())
                        .append('=')
                        .append(values.get(key.name()))
                        .append('\n'));
        return Hashes.ofText(text.toString());
    }

    /** The settings that can change what is learned and differ, as {@code key: this -> other}. */
    public List<String> differences(Config other) {
        List<String> differences = new ArrayList<>();
        for (Key key : Keys.all().values()) {
            Object mine = values.get(key.name());
            Object theirs = other.values.get(key.name());
            if (key.result() && !Objects.equals(mine, theirs)) {
                differences.add(key.name() + ": " + mine + " -> " + theirs);
            }
        }
        return differences;
    }

    /** Every setting with its default and a line of help. */
    public static String describe() {
        StringBuilder text = new StringBuilder();
        for (Key key : Keys.all().values()) {
            text.append(String.format(
                    Locale.ROOT,
                    "  %-24s %s (%s; default %s)%n",
                    key.name(),
                    key.help(),
                    key.expected(),
                    scalar(key.preset())));
        }
        return text.toString();
    }

    static UserError fault(String message) {
        return new UserError(ExitCode.CONFIG, "config: " + message);
    }
}
