package sdae.weights;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import sdae.config.Config;
import sdae.data.Normalization;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.UserError;
import sdae.model.ModelSpec;
import sdae.model.Objective;

/**
 * What the shapes of a network's weights do not tell. It goes with every file that is written, as safetensors metadata, so
 * that nothing needs to be guessed when it comes back.
 *
 * @param heads of the encoder; 0: unknown
 * @param decoderHeads 0: unknown
 * @param grid patches of an image; null: unknown
 * @param normalization of the pixels it was trained with; null: unknown
 * @param predicts what the decoder predicts; null: unknown
 */
public record Facts(int heads, int decoderHeads, Sides grid, Normalization normalization, Prediction predicts) {
    /** What a decoder's last layer stands for. */
    public enum Prediction {
        FEATURES,
        PIXELS,
        /** Each patch with mean 0 and variance 1. */
        NORMALIZED_PIXELS
    }

    private static final String HEADS = "heads";
    private static final String DECODER_HEADS = "decoder_heads";
    private static final String GRID = "grid";
    private static final String MEAN = "mean";
    private static final String STD = "std";
    private static final String PREDICTS = "predicts";

    /** Nothing is known. */
    public static final Facts NONE = new Facts(0, 0, null, null, null);

    /** The heads alone. */
    public static Facts ofHeads(int heads) {
        return new Facts(heads, 0, null, null, null);
    }

    /** What is known of a network of these sizes, with its decoder or without. */
    public static Facts of(ModelSpec spec, boolean decodes) {
        return new Facts(spec.heads(), decodes ? spec.decoderHeads() : 0, Sides.ofGrid(spec), null, null);
    }

    /** Those of a run; the normalization is null if it is not known. */
    public static Facts of(Config config, Normalization normalization) {
        ModelSpec spec = config.model();
        Prediction predicts = null; // of a classifier
        if (config.objective() instanceof Objective.Mae mae) {
            predicts = mae.normPix() ? Prediction.NORMALIZED_PIXELS : Prediction.PIXELS;
        } else if (config.objective() instanceof Objective.Sdae) {
            predicts = Prediction.FEATURES;
        }
        return new Facts(spec.heads(), spec.decoderHeads(), Sides.ofGrid(spec), normalization, predicts);
    }

    /** What the metadata of a file says. */
    static Facts of(Map<String, String> metadata, String file) {
        try {
            return new Facts(
                    Integer.parseUnsignedInt(metadata.getOrDefault(HEADS, "0")),
                    Integer.parseUnsignedInt(metadata.getOrDefault(DECODER_HEADS, "0")),
                    metadata.containsKey(GRID) ? Sides.of(metadata.get(GRID)) : null,
                    metadata.containsKey(MEAN) && metadata.containsKey(STD)
                            ? new Normalization(numbers(metadata.get(MEAN)), numbers(metadata.get(STD)))
                            : null,
                    metadata.containsKey(PREDICTS) ? Prediction.valueOf(metadata.get(PREDICTS)) : null);
        } catch (IllegalArgumentException e) {
            throw new UserError(
                    ExitCode.CHECKPOINT,
                    Printable.of(file) + ": its metadata cannot be read: "
                            + Printable.of(String.valueOf(e.getMessage())),
                    e);
        }
    }

    /** The metadata that {@link #of(Map, String)} reads back. */
    public Map<String, String> metadata() {
        Map<String, String> metadata = new LinkedHashMap<>();
        putNumber(metadata, HEADS, heads);
        putNumber(metadata, DECODER_HEADS, decoderHeads);
        if (grid != null) {
            metadata.put(GRID, grid.toString());
        }
        if (normalization != null) {
            metadata.put(MEAN, text(normalization.mean()));
            metadata.put(STD, text(normalization.std()));
        }
        if (predicts != null) {
            metadata.put(PREDICTS, predicts.name());
        }
        return metadata;
    }

    /** These facts, and those of {@code other} where these know nothing. */
    public Facts or(Facts other) {
        return new Facts(
                heads > 0 ? heads : other.heads,
                decoderHeads > 0 ? decoderHeads : other.decoderHeads,
                grid != null ? grid : other.grid,
                normalization != null ? normalization : other.normalization,
                predicts != null ? predicts : other.predicts);
    }

    /** How pixels are normalized, as settings; none where that is unknown. */
    List<String> settings() {
        return normalization == null
                ? List.of()
                : List.of("data.mean=" + text(normalization.mean()), "data.std=" + text(normalization.std()));
    }

    private static void putNumber(Map<String, String> metadata, String key, int value) {
        if (value > 0) {
            metadata.put(key, Integer.toString(value));
        }
    }

    static String text(float[] values) {
        StringBuilder text = new StringBuilder();
        for (float value : values) {
            text.append(text.isEmpty() ? "" : ",").append(value);
        }
        return text.toString();
    }

    private static float[] numbers(String text) {
        String[] parts = text.split(",", -1);
        float[] values = new float[parts.length];
        for (int i = 0; i < parts.length; i++) {
            values[i] = Float.parseFloat(parts[i].strip());
        }
        return values;
    }
}
