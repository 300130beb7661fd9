package sdae.weights;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import sdae.data.Normalization;
import sdae.io.ExitCode;
import sdae.io.Json;
import sdae.io.Printable;
import sdae.io.UserError;
import sdae.model.ModelSpec;
import tools.jackson.databind.JsonNode;

/**
 * The {@code config.json} and {@code preprocessor_config.json} beside Hugging Face's weights.
 *
 * <p>Source of the keys: transformers, {@code ViTConfig}, {@code ViTMAEConfig}, {@code ViTImageProcessor}.
 */
final class HuggingFaceConfig {
    static final String NAME = "config.json";
    static final String PREPROCESSOR = "preprocessor_config.json";
    private static final double EPS = 1e-6;
    /** Of a config.json that does not say. */
    private static final double THEIR_EPS = 1e-12;

    private static final int BICUBIC = 3;

    private HuggingFaceConfig() {}

    /** What the class of transformers is called that takes these weights. */
    static String className(Format format, Network network) {
        if (format == Format.HF_VITMAE) {
            return network.outputs() > 0 ? "ViTMAEForPreTraining" : "ViTMAEModel";
        }
        return network.classes() > 0 ? "ViTForImageClassification" : "ViTModel";
    }

    static Map<String, Object> config(Format format, Network network, Facts facts, boolean bf16) {
        ModelSpec spec = network.spec();
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("architectures", List.of(className(format, network)));
        json.put("model_type", format == Format.HF_VITMAE ? "vit_mae" : "vit");
        json.put("hidden_size", spec.width());
        json.put("num_hidden_layers", spec.depth());
        json.put("num_attention_heads", spec.heads());
        json.put("intermediate_size", spec.mlpWidth());
        json.put("hidden_act", "gelu");
        json.put("hidden_dropout_prob", 0.0);
        json.put("attention_probs_dropout_prob", 0.0);
        json.put("initializer_range", 0.02);
        json.put("layer_norm_eps", EPS);
        json.put(
                "image_size",
                spec.imageHeight() == spec.imageWidth()
                        ? spec.imageHeight()
                        : List.of(spec.imageHeight(), spec.imageWidth()));
        json.put("patch_size", spec.patch());
        json.put("num_channels", spec.channels());
        json.put("qkv_bias", true);
        if (network.classes() > 0) {
            Map<String, String> words = new LinkedHashMap<>();
            Map<String, Integer> numbers = new LinkedHashMap<>();
            for (int c = 0; c < network.classes(); c++) {
                words.put(Integer.toString(c), "LABEL_" + c);
                numbers.put("LABEL_" + c, c);
            }
            json.put("id2label", words);
            json.put("label2id", numbers);
        }
        if (network.outputs() > 0) {
            json.put("decoder_hidden_size", spec.decoderWidth());
            json.put("decoder_num_hidden_layers", spec.decoderDepth());
            json.put("decoder_num_attention_heads", spec.decoderHeads());
            json.put("decoder_intermediate_size", spec.decoderMlpWidth());
            json.put("mask_ratio", 0.75);
            json.put("norm_pix_loss", facts.predicts() == Facts.Prediction.NORMALIZED_PIXELS);
        }
        json.put("torch_dtype", bf16 ? "bfloat16" : "float32");
        return json;
    }

    static Map<String, Object> preprocessor(Network network, Normalization normalization) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("image_processor_type", "ViTImageProcessor");
        json.put("do_resize", true);
        json.put(
                "size",
                Map.of(
                        "height", network.spec().imageHeight(),
                        "width", network.spec().imageWidth()));
        json.put("resample", BICUBIC);
        json.put("do_rescale", true);
        json.put("rescale_factor", 1 / 255.0);
        json.put("do_normalize", true);
        json.put("image_mean", list(normalization.mean()));
        json.put("image_std", list(normalization.std()));
        return json;
    }

    /** What a {@code config.json}, and the preprocessor's beside it, say; what our network computes otherwise goes to {@code remarks}. */
    static Facts read(Path file, List<String> remarks) throws IOException {
        JsonNode json = json(file);
        double eps = json.path("layer_norm_eps").asDouble(THEIR_EPS);
        if (eps != EPS) {
            remarks.add("its layer norms add " + eps + " to the variance, SdAE's " + EPS
                    + ": features differ where a token's variance is small");
        }
        String activation = json.path("hidden_act").asString("gelu");
        if (!activation.equals("gelu")) {
            remarks.add("its activation is " + Printable.of(activation) + ", SdAE's gelu: features differ");
        }
        JsonNode size = json.path("image_size");
        int height = size.isArray() ? size.path(0).asInt(0) : size.asInt(0);
        int width = size.isArray() ? size.path(1).asInt(0) : height;
        int patch = Math.max(1, json.path("patch_size").asInt(1));
        Path processor = file.resolveSibling(PREPROCESSOR);
        Facts.Prediction predicts = !json.has("norm_pix_loss")
                ? null
                : json.path("norm_pix_loss").asBoolean(false)
                        ? Facts.Prediction.NORMALIZED_PIXELS
                        : Facts.Prediction.PIXELS;
        return new Facts(
                Math.max(0, json.path("num_attention_heads").asInt(0)),
                Math.max(0, json.path("decoder_num_attention_heads").asInt(0)),
                height >= patch && width >= patch ? new Sides(height / patch, width / patch) : null,
                java.nio.file.Files.exists(processor) ? normalization(processor) : null,
                predicts);
    }

    private static Normalization normalization(Path file) throws IOException {
        JsonNode json = json(file);
        float[] mean = floats(json.path("image_mean"));
        float[] std = floats(json.path("image_std"));
        try {
            return mean.length == 0 ? null : new Normalization(mean, std);
        } catch (IllegalArgumentException e) {
            throw new UserError(ExitCode.CHECKPOINT, Printable.of(file.toString()) + ": " + e.getMessage(), e);
        }
    }

    private static JsonNode json(Path file) throws IOException {
        try {
            return Json.read(file);
        } catch (Json.Malformed e) {
            throw new UserError(ExitCode.CHECKPOINT, Printable.of(file.toString()) + ": " + e.getMessage(), e);
        }
    }

    private static float[] floats(JsonNode array) {
        float[] values = new float[array.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) array.path(i).asDouble(Double.NaN);
        }
        return values;
    }

    private static List<Float> list(float[] values) {
        List<Float> list = new ArrayList<>();
        for (float value : values) {
            list.add(value);
        }
        return list;
    }
}
