package sdae.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import sdae.config.Config;
import sdae.data.Normalization;
import sdae.io.Json;
import sdae.io.SafetensorsReader;
import sdae.io.UserError;
import sdae.model.ModelSpec;

class WeightsTest {
    private static final Normalization PIXELS =
            new Normalization(new float[] {0.1f, 0.4533331f, 0.7f}, new float[] {0.2f, 0.3f, 0.25f});

    @TempDir
    Path folder;

    /** 32x32 RGB in 8x8 patches of 4, like posinterp's table of width 24; an MAE decoder. */
    private static ModelSpec spec() {
        return ModelSpec.of(32, 32, 3, 4, 24, 2, 3, 16, 1, 2);
    }

    private static Facts facts() {
        return new Facts(3, 2, new Sides(8, 8), PIXELS, Facts.Prediction.NORMALIZED_PIXELS);
    }

    /** Random values for every tensor of a network. */
    private static Map<String, Weight> random(Network network) {
        SplittableRandom random = new SplittableRandom(5);
        Map<String, Weight> weights = new TreeMap<>();
        network.parameters().forEach((name, p) -> {
            float[] values = new float[p.shape().count()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextDouble(-1, 1);
            }
            List<Long> shape =
                    Arrays.stream(p.shape().sizes()).mapToObj(Long::valueOf).toList();
            weights.put(name, Weight.of(name, shape, values));
        });
        return weights;
    }

    private Path file(Network network, Consumer<Map<String, Weight>> change) throws IOException {
        Map<String, Weight> weights = random(network);
        change.accept(weights);
        Path file = folder.resolve("ours.safetensors");
        Files.deleteIfExists(file);
        Output.write(file, Output.safetensors(weights.values(), facts(), false));
        return file;
    }

    private static Export to(Format format) {
        return new Export(format, false, null, -1, true, true);
    }

    private static List<String> export(Export export, Path from, Path out) throws IOException {
        try (StoredWeights source = StoredWeights.open(from, null)) {
            return export.write(source, Facts.NONE, out);
        }
    }

    private static List<String> bring(Import how, Path from, Path out) throws IOException {
        try (StoredWeights source = StoredWeights.open(from, null)) {
            return how.write(source, Facts.NONE, out);
        }
    }

    private static Map<String, float[]> tensors(Path file) throws IOException {
        Map<String, float[]> tensors = new TreeMap<>();
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            for (String name : reader.names()) {
                tensors.put(name, reader.floats(name));
            }
        }
        return tensors;
    }

    private static Path student(Path run) {
        return run.resolve("checkpoints/step-0000000000/student.safetensors");
    }

    private static void assertSame(Map<String, float[]> expected, Map<String, float[]> actual) {
        assertEquals(expected.keySet(), actual.keySet());
        expected.forEach((name, values) -> {
            int[] bits = new int[values.length];
            int[] other = new int[values.length];
            Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
            Arrays.setAll(other, i -> Float.floatToRawIntBits(actual.get(name)[i]));
            assertArrayEquals(bits, other, name);
        });
    }

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

    /** What a stranger's files lack is read from config.json, or must be told. */
    @Test
    void headsComeFromConfigJsonOrMustBeTold() throws IOException {
        Path ours = file(new Network(spec(), 0, false, 0), weights -> {});
        Path there = folder.resolve("there");
        export(to(Format.HF_VIT), ours, there);
        Path bare = folder.resolve("bare/model.safetensors");
        Files.createDirectories(bare.getParent());
        try (StoredWeights source = StoredWeights.open(there.resolve("model.safetensors"), null)) {
            Output.write(
                    bare,
                    Output.safetensors(
                            HuggingFace.export(source.weights().values(), false, new ArrayList<>()),
                            Facts.NONE,
                            false));
        }
        UserError error =
                assertThrows(UserError.class, () -> bring(new Import(null, 0, null, true), bare, folder.resolve("a")));
        assertTrue(
                error.getMessage().contains("24 wide") && error.getMessage().contains("--heads"), error.getMessage());
        Files.writeString(bare.resolveSibling("config.json"), "{\"num_attention_heads\": 3}");
        assertEquals(1, told(bring(new Import(null, 0, null, true), bare, folder.resolve("b")), "layer norms"));
        assertEquals(
                3,
                Config.load(folder.resolve("b/config.yaml"), null, List.of())
                        .model()
                        .heads());
    }

    private static long told(List<String> lines, String what) {
        return lines.stream().filter(line -> line.contains(what)).count();
    }

    @Test
    void whatDoesNotFitIsListedAndNothingWritten() throws IOException {
        Path ours = file(new Network(spec(), 0, false, 0), weights -> {
            weights.remove("blocks.1.norm2.bias");
            weights.put("blocks.0.ls1.gamma", Weight.of("blocks.0.ls1.gamma", List.of(24L), new float[24]));
            weights.put(
                    "blocks.0.attn.proj.weight", Weight.of("blocks.0.attn.proj.weight", List.of(2L, 2L), new float[4]));
        });
        Path out = folder.resolve("out");
        for (UserError error : List.of(
                assertThrows(UserError.class, () -> bring(new Import(null, 0, null, true), ours, out)),
                assertThrows(UserError.class, () -> export(to(Format.TIMM), ours, out)))) {
            assertEquals(4, error.code().code());
            assertTrue(
                    error.getMessage()
                            .contains("1 missing (blocks.1.norm2.bias [24]); 1 not part of the network"
                                    + " (blocks.0.ls1.gamma [24]); 1 of another shape (blocks.0.attn.proj.weight: file"
                                    + " [2, 2], network [24, 24])"),
                    error.getMessage());
        }
        assertFalse(Files.exists(out));
        List<String> lines = bring(new Import(null, 0, null, false), ours, out);
        assertTrue(lines.get(1).contains("blocks.0.ls1.gamma"), lines.toString());
        Map<String, float[]> taken = tensors(student(out));
        assertArrayEquals(new float[24], taken.get("blocks.1.norm2.bias"));
        assertFalse(taken.containsKey("blocks.0.ls1.gamma"));
        assertArrayEquals(tensors(ours).get("cls_token"), taken.get("cls_token"));
    }

    @Test
    void likeListsAnotherArchitecture() throws IOException {
        Path ours = file(new Network(spec(), 0, false, 0), weights -> {});
        ModelSpec deeper = ModelSpec.of(16, 16, 1, 4, 24, 3, 3, 16, 1, 2);
        UserError error = assertThrows(
                UserError.class, () -> bring(new Import(null, 0, deeper, true), ours, folder.resolve("out")));
        assertTrue(error.getMessage().contains("12 missing (blocks.2.norm1.weight [24], "), error.getMessage());
        assertTrue(
                error.getMessage().contains("patch_embed.proj.weight: file [24, 3, 4, 4], network [24, 1, 4, 4]"),
                error.getMessage());
        assertFalse(error.getMessage().contains("pos_embed"), "the table is resized: " + error.getMessage());
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

    @Test
    void whatHasNoPlaceThereIsSaid() throws IOException {
        Path pooled = file(new Network(spec(), 0, true, 5), weights -> {});
        UserError error = assertThrows(UserError.class, () -> export(to(Format.HF_VIT), pooled, folder.resolve("out")));
        assertTrue(error.getMessage().contains("no place for fc_norm.bias [24]"), error.getMessage());
        Path oblong = file(new Network(ModelSpec.of(32, 16, 3, 4, 24, 1, 3, 16, 1, 2), 0, false, 0), weights -> {});
        try (StoredWeights source = StoredWeights.open(oblong, null)) {
            Facts wide = new Facts(3, 2, new Sides(8, 4), null, null);
            assertThrows(UserError.class, () -> to(Format.HF_VITMAE).write(source, wide, folder.resolve("out")));
            to(Format.HF_VIT).write(source, wide, folder.resolve("out"));
        }
        assertEquals(
                "[32,16]",
                Json.compact(Json.read(folder.resolve("out/config.json")).path("image_size")));
    }

    @Test
    void aDecoderOfFeaturesIsNotTakenForOneOfPixels() throws IOException {
        Path ours = file(new Network(spec(), 48, false, 0), weights -> {});
        Facts features = new Facts(3, 2, new Sides(8, 8), null, Facts.Prediction.FEATURES);
        try (StoredWeights source = StoredWeights.open(ours, null)) {
            List<String> lines = to(Format.HF_VITMAE).write(source, features, folder.resolve("out"));
            assertTrue(lines.toString().contains("it predicts features"), lines.toString());
        }
        assertFalse(tensors(folder.resolve("out/model.safetensors")).containsKey("decoder.mask_token"));
    }

    @Test
    void valuesThatAreNotFiniteAreRefusedByName() throws IOException {
        Path ours = file(new Network(spec(), 0, false, 0), weights -> {});
        Path bad = folder.resolve("bad.safetensors");
        try (StoredWeights source = StoredWeights.open(ours, null)) {
            Map<String, Weight> weights = source.weights();
            float[] values = weights.get("norm.bias").values();
            values[7] = Float.NaN;
            weights.put("norm.bias", Weight.of("norm.bias", List.of(24L), values));
            UserError error = assertThrows(
                    UserError.class, () -> Output.write(bad, Output.safetensors(weights.values(), Facts.NONE, false)));
            assertTrue(error.getMessage().contains("value 7 of norm.bias is NaN"), error.getMessage());
        }
        assertFalse(Files.exists(bad));
    }
}
