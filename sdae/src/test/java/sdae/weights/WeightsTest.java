package sdae.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import sdae.config.Config;
import sdae.io.Json;
import sdae.model.ModelSpec;

/** What weights are under other names, in another precision or of another size. */
class WeightsTest extends WeightFiles {
    @ParameterizedTest
    @CsvSource({"TIMM,48,0", "HF_VITMAE,48,0", "HF_VIT,0,5", "TIMM,0,5"})
    void roundTripsAreBitExact(Format format, int outputs, int classes) throws IOException {
        Path ours = file(new Network(spec(), outputs, false, classes), weights -> {});
        Path there = folder.resolve("there");
        export(to(format), ours, there);
        Path back = folder.resolve("back");
        bring(new Import(null, classes, null, true), there.resolve("model.safetensors"), back);
        assertSame(tensors(ours), tensors(student(back)));
        Config config = Config.load(back.resolve("config.yaml"), null, List.of());
        assertEquals(outputs > 0 ? spec().decoderWidth() : 64, config.model().decoderWidth());
        assertEquals(spec().heads(), config.model().heads());
        assertEquals(spec().mlpWidth(), config.model().mlpWidth());
        assertEquals(Facts.text(PIXELS.mean()), config.text("data.mean"));
    }

    @Test
    void mappedNamesAreThoseOfTransformers() throws IOException {
        ModelSpec one = ModelSpec.of(8, 8, 3, 4, 12, 1, 3, 4, 1, 2);
        Path ours = file(new Network(one, 48, false, 0), weights -> {});
        Path there = folder.resolve("there");
        export(new Export(Format.HF_VITMAE, false, null, -1, false, true), ours, there);
        TreeSet<String> expected = new TreeSet<>(List.of(
                "vit.embeddings.cls_token",
                "vit.embeddings.position_embeddings",
                "decoder.mask_token",
                "decoder.decoder_pos_embed"));
        List<String> block = List.of(
                "attention.attention.query",
                "attention.attention.key",
                "attention.attention.value",
                "attention.output.dense",
                "intermediate.dense",
                "output.dense",
                "layernorm_before",
                "layernorm_after");
        List<String> layers = new ArrayList<>(List.of(
                "vit.embeddings.patch_embeddings.projection",
                "vit.layernorm",
                "decoder.decoder_embed",
                "decoder.decoder_norm",
                "decoder.decoder_pred"));
        block.forEach(layer -> layers.add("vit.encoder.layer.0." + layer));
        block.forEach(layer -> layers.add("decoder.decoder_layers.0." + layer));
        layers.forEach(layer -> expected.addAll(List.of(layer + ".weight", layer + ".bias")));
        Map<String, float[]> theirs = tensors(there.resolve("model.safetensors"));
        assertEquals(expected, new TreeSet<>(theirs.keySet()));

        float[] qkv = tensors(ours).get("blocks.0.attn.qkv.weight");
        assertArrayEquals(
                Arrays.copyOfRange(qkv, 12 * 12, 2 * 12 * 12),
                theirs.get("vit.encoder.layer.0.attention.attention.key.weight"));
        var config = Json.read(there.resolve("config.json"));
        assertEquals(
                "ViTMAEForPreTraining", config.path("architectures").path(0).asString());
        assertEquals(3, config.path("num_attention_heads").asInt());
        assertEquals(1e-6, config.path("layer_norm_eps").asDouble());
        assertTrue(config.path("norm_pix_loss").asBoolean());
    }

    @Test
    void positionTablesAreResizedAsInTheGoldenVectors() throws IOException, URISyntaxException {
        Path golden = Path.of(
                WeightsTest.class.getResource("/golden/posinterp.safetensors").toURI());
        Map<String, float[]> vectors = tensors(golden);
        Path ours = file(
                new Network(spec(), 0, false, 0),
                weights -> weights.put(
                        "pos_embed", Weight.of("pos_embed", List.of(1L, 65L, 24L), vectors.get("pos.8x8.in"))));
        Path out = folder.resolve("out.safetensors");
        export(new Export(Format.TIMM, false, new Sides(28, 28), -1, false, true), ours, out);
        assertArrayEquals(vectors.get("ref64.pos.8x8_to_7x7.out"), tensors(out).get("pos_embed"), 1e-5f);
    }

    @Test
    void headsAreKeptRemadeOrDropped() throws IOException {
        Path ours = file(new Network(spec(), 0, false, 5), weights -> {});
        for (int classes : new int[] {-1, 0, 5, 7}) {
            Path out = folder.resolve("head" + classes + ".safetensors");
            export(new Export(Format.TIMM, false, null, classes, false, true), ours, out);
            float[] head = tensors(out).get("head.weight");
            if (classes == 0) {
                assertEquals(null, head);
            } else if (classes == 7) {
                assertEquals(7 * 24, head.length);
                assertArrayEquals(new float[7], tensors(out).get("head.bias"));
                double squares = 0;
                for (float value : head) {
                    squares += value * (double) value;
                }
                assertEquals(2e-5, Math.sqrt(squares / head.length), 5e-6);
            } else {
                assertArrayEquals(tensors(ours).get("head.weight"), head);
            }
        }
    }

    @Test
    void bf16IsTheNearest() throws IOException {
        Path ours = file(new Network(spec(), 0, false, 0), weights -> {
            float[] values = new float[24];
            values[0] = 1 + 0x1p-8f; // half way to 1 + 2^-7: to even, down
            values[1] = 1 + 3 * 0x1p-8f; // half way: to even, up
            values[2] = 1 + 0x1p-8f + 0x1p-20f;
            values[3] = -0x1p-130f;
            weights.put("norm.bias", Weight.of("norm.bias", List.of(24L), values));
        });
        Path out = folder.resolve("out.safetensors");
        export(new Export(Format.TIMM, true, null, -1, false, true), ours, out);
        float[] rounded = tensors(out).get("norm.bias");
        assertArrayEquals(new float[] {1, 1 + 0x1p-6f, 1 + 0x1p-7f, -0x1p-130f}, Arrays.copyOf(rounded, 4));
        float[] before = tensors(ours).get("blocks.0.mlp.fc1.weight");
        float[] after = tensors(out).get("blocks.0.mlp.fc1.weight");
        for (int i = 0; i < before.length; i++) {
            assertEquals(before[i], after[i], Math.abs(before[i]) * 0x1p-8f);
        }
    }
}
