package sdae.eval;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.SafetensorsReader;
import sdae.io.UserError;
import sdae.model.ModelSpec;
import sdae.nn.Positions;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;

/** Weights under timm's names in a safetensors file, put into a model: all that fits, or a list of what does not. */
public final class WeightsFile {
    /** The student's file in a checkpoint. */
    public static final String STUDENT = "student.safetensors";

    /** The teacher's file in a checkpoint. */
    public static final String TEACHER = "teacher.safetensors";

    /** What a checkpoint of fine-tuning holds: encoder, norm and head. */
    public static final String CLASSIFIER = "classifier.safetensors";

    /** Keys in the file's metadata: mean and deviation of the pixels, comma separated. */
    public static final String MEAN = "mean";

    public static final String STD = "std";

    /** Key in the file's metadata: rows x columns of the position table. */
    public static final String GRID = "grid";

    /** Key in the file's metadata: heads of the encoder, which no shape tells. */
    public static final String HEADS = "heads";

    private static final Pattern SIZE = Pattern.compile("(\\d{1,4})x(\\d{1,4})");
    private static final int LISTED = 10;

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

    /**
     * What did not fit: parameters that the file lacks, tensors that the model lacks, and those of another shape. Empty after
     * a strict load.
     */
    public record Misfits(List<String> missing, List<String> extra, List<String> shapes) {
        /** Whether all fitted. */
        public boolean none() {
            return missing.isEmpty() && extra.isEmpty() && shapes.isEmpty();
        }

        /** A clause for each kind, the first few names of each. */
        public String text() {
            List<String> clauses = new ArrayList<>();
            clause(clauses, "the file lacks ", missing);
            clause(clauses, "the model lacks ", extra);
            clause(clauses, "of another shape: ", shapes);
            return String.join("; ", clauses);
        }

        private static void clause(List<String> clauses, String start, List<String> names) {
            if (!names.isEmpty()) {
                clauses.add(start
                        + String.join(", ", names.subList(0, Math.min(LISTED, names.size())))
                        + (names.size() > LISTED ? " and " + (names.size() - LISTED) + " more" : ""));
            }
        }
    }

    /**
     * Sets a model's parameters from a file.
     *
     * @return what was left as it is; what {@code rules} excuse is not in it
     * @throws UserError (exit 4) that lists what does not fit, if the rules are strict; nothing is changed then
     */
    public static Misfits load(Path file, ParameterBuffer parameters, Rules rules) throws IOException {
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            Misfits misfits = compare(reader, parameters, rules);
            if (rules.strict && !misfits.none()) {
                throw new UserError(
                        ExitCode.CHECKPOINT,
                        "weights " + Printable.of(file.toString()) + " do not fit the model: " + misfits.text());
            }
            for (Parameter p : parameters.parameters().values()) {
                if (!reader.has(p.name())) {
                    continue;
                }
                if (sameShape(reader.shape(p.name()), p)) {
                    p.value().set(reader.floats(p.name()));
                } else if (resizes(reader, p, rules)) {
                    p.value().set(resized(reader, p, rules.resizeTo));
                }
            }
            parameters.round();
            return misfits;
        }
    }

    private static Misfits compare(SafetensorsReader reader, ParameterBuffer parameters, Rules rules) {
        Misfits misfits = new Misfits(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        for (Parameter p : parameters.parameters().values()) {
            if (!reader.has(p.name())) {
                if (!rules.mayMiss.test(p.name())) {
                    misfits.missing.add(p.name() + " " + p.shape());
                }
            } else if (!sameShape(reader.shape(p.name()), p) && !resizes(reader, p, rules)) {
                misfits.shapes.add(
                        p.name() + " (file " + Arrays.toString(reader.shape(p.name())) + ", model " + p.shape() + ")");
            }
        }
        for (String name : reader.names()) {
            if (!parameters.parameters().containsKey(name) && !rules.mayBeExtra.test(name)) {
                misfits.extra.add(Printable.of(name) + " " + Arrays.toString(reader.shape(name)));
            }
        }
        return misfits;
    }

    private static boolean sameShape(long[] shape, Parameter p) {
        if (shape.length != p.shape().rank()) {
            return false;
        }
        for (int i = 0; i < shape.length; i++) {
            if (shape[i] != p.shape().size(i)) {
                return false;
            }
        }
        return true;
    }

    /** Whether p is a position table that differs from the file's in the number of positions only. */
    private static boolean resizes(SafetensorsReader reader, Parameter p, Rules rules) {
        long[] shape = reader.shape(p.name());
        return rules.resizeTo != null
                && p.name().equals("pos_embed")
                && shape.length == 3
                && shape[0] == 1
                && shape[2] == p.shape().last()
                && grid(reader) != null;
    }

    private static float[] resized(SafetensorsReader reader, Parameter p, ModelSpec spec) throws IOException {
        int[] from = grid(reader);
        return Positions.resize(
                reader.floats(p.name()),
                from[0],
                from[1],
                spec.gridRows(),
                spec.gridCols(),
                p.shape().last());
    }

    /** Rows and columns of the file's position table: as its metadata say, else a square; null if neither fits. */
    static int[] grid(SafetensorsReader reader) {
        long positions = reader.shape("pos_embed")[1] - 1;
        Matcher said = SIZE.matcher(reader.metadata().getOrDefault(GRID, ""));
        if (said.matches()) {
            int[] grid = {Integer.parseInt(said.group(1)), Integer.parseInt(said.group(2))};
            return (long) grid[0] * grid[1] == positions ? grid : null;
        }
        int side = (int) Math.rint(Math.sqrt((double) positions));
        return (long) side * side == positions ? new int[] {side, side} : null;
    }
}
