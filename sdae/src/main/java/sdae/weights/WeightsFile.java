package sdae.weights;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Predicate;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.UserError;
import sdae.model.ModelSpec;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;

/** Weights in a safetensors file of any {@link Format}, put into a model: all that fits, or a list of what does not. */
public final class WeightsFile {
    /** The student's file in a checkpoint. */
    public static final String STUDENT = "student.safetensors";

    /** The teacher's file in a checkpoint. */
    public static final String TEACHER = "teacher.safetensors";

    /** What a checkpoint of fine-tuning holds: encoder, norm and head. */
    public static final String CLASSIFIER = "classifier.safetensors";

    private WeightsFile() {}

    /**
     * What is asked of a file.
     *
     * @param resizeTo the model whose grid the position table is resized to (bicubic); null: it must have the size
     * @param strict whether anything that does not fit is an error
     * @param mayMiss parameters that the file need not have
     * @param mayBeExtra tensors of the file that the model need not have
     */
    public record Rules(ModelSpec resizeTo, boolean strict, Predicate<String> mayMiss, Predicate<String> mayBeExtra) {
        /** Everything must fit; a decoder or a head that the model has not is left out. */
        public static final Rules STRICT = new Rules(null, true, name -> false, Rules::behindEncoder);

        /** As these, for that model's grid and strictness. */
        public static Rules of(ModelSpec resizeTo, boolean strict) {
            return new Rules(resizeTo, strict, STRICT.mayMiss, STRICT.mayBeExtra);
        }

        /** As these, but those parameters keep their values, and those tensors are left out. */
        public Rules except(Predicate<String> missing, Predicate<String> extra) {
            return new Rules(resizeTo, strict, mayMiss.or(missing), mayBeExtra.or(extra));
        }

        private static boolean behindEncoder(String name) {
            return name.startsWith("decoder_") || name.equals("mask_token") || name.startsWith("head.");
        }
    }

    /** Sets all of a model's parameters from a file, as by {@link Rules#STRICT}. */
    public static void load(Path file, ParameterBuffer parameters) throws IOException {
        load(file, parameters, Rules.STRICT, remark -> {});
    }

    /**
     * Sets a model's parameters from a file.
     *
     * @param say told in a line each how the file's network differs although its shapes fit, and what a load that is not
     *     strict has left as it was; what {@code rules} excuse is not said
     * @throws UserError (exit 4) that lists what does not fit, if the rules are strict; nothing is changed then
     */
    public static void load(Path file, ParameterBuffer parameters, Rules rules, Consumer<String> say)
            throws IOException {
        load(file, new LinkedHashMap<>(parameters.parameters()), rules, say);
        parameters.round();
    }

    /** As {@link #load(Path, ParameterBuffer, Rules, Consumer)}, but neither reads nor asks for a decoder. */
    public static void loadEncoder(Path file, ParameterBuffer parameters, Rules rules, Consumer<String> say)
            throws IOException {
        Map<String, Parameter> encoder = new LinkedHashMap<>(parameters.parameters());
        encoder.keySet().removeIf(Rules::behindEncoder);
        load(file, encoder, rules, say);
        parameters.round();
    }

    private static void load(Path file, Map<String, Parameter> wanted, Rules rules, Consumer<String> say)
            throws IOException {
        String shown = "weights " + Printable.of(file.toString());
        try (StoredWeights stored = StoredWeights.open(file, null)) {
            Map<String, Weight> weights = stored.weights();
            weights.keySet().removeIf(name -> !wanted.containsKey(name) && rules.mayBeExtra.test(name));
            wanted.keySet().removeIf(name -> !weights.containsKey(name) && rules.mayMiss.test(name));
            if (rules.resizeTo != null) {
                resizePositions(weights, stored.facts(), rules.resizeTo);
            }
            Fit fit = Fit.of(weights, wanted);
            if (rules.strict && !fit.perfect()) {
                throw new UserError(ExitCode.CHECKPOINT, shown + " do not fit the model: " + fit.text());
            }
            Fit.drop(weights, wanted);
            for (Weight weight : weights.values()) {
                wanted.get(weight.name()).value().set(weight.values());
            }
            stored.remarks().forEach(remark -> say.accept(shown + ": " + remark));
            if (!fit.perfect()) {
                say.accept(shown + ": left as they were: " + fit.text());
            }
        }
    }

    /** Of a table as wide as the model's, if its grid is known. */
    private static void resizePositions(Map<String, Weight> weights, Facts facts, ModelSpec to) throws IOException {
        Weight table = weights.get("pos_embed");
        if (table != null && table.shape().size() == 3 && table.shape().get(2) == to.width()) {
            Sides from = Network.grid(table.shape().get(1) - 1, facts);
            if (from != null) {
                Changes.resizePositions(weights, from, Sides.ofGrid(to));
            }
        }
    }

    /**
     * What a file tells of the encoder in it and of its pixels, as settings, {@code key=value} each.
     *
     * @param known what the file need not tell
     * @throws UserError (exit 4) if it holds no vision transformer, or does not tell enough
     */
    public static List<String> settings(Path file, Facts known) throws IOException {
        try (StoredWeights stored = StoredWeights.open(file, null)) {
            Map<String, Weight> weights = stored.weights();
            weights.keySet().removeIf(Rules::behindEncoder);
            Facts facts = known.or(stored.facts());
            List<String> settings =
                    new ArrayList<>(Network.of(weights, facts, file.toString()).settings());
            settings.addAll(facts.settings());
            return settings;
        }
    }

    /** Whether a file is of a classifier whose only last norm comes behind the mean of the tokens (timm's {@code fc_norm}). */
    public static boolean poolsFirst(Path file) throws IOException {
        try (StoredWeights stored = StoredWeights.open(file, null)) {
            return Network.pooled(stored.weights());
        }
    }
}
