package sdae.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import sdae.config.Config;
import sdae.io.Json;
import sdae.io.UserError;
import sdae.model.ModelSpec;

/** What export and import refuse, leave out or must be told, and how they say so. */
class MisfitTest extends WeightFiles {
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

    /** 64 wide is one head of 64 or two of 32: a wrong guess would give wrong features without a sign. */
    @Test
    void headsOfAnUnpublishedWidthAreNotGuessed() throws IOException {
        Path ours = file(new Network(ModelSpec.of(16, 16, 3, 4, 64, 1, 2, 16, 1, 2), 0, false, 0), weights -> {});
        Path bare = folder.resolve("bare.safetensors");
        try (StoredWeights source = StoredWeights.open(ours, null)) {
            Output.write(bare, Output.safetensors(source.weights().values(), Facts.NONE, false));
        }
        UserError error = assertThrows(UserError.class, () -> WeightsFile.settings(bare, Facts.NONE));
        assertTrue(error.getMessage().contains("--set model.heads=N"), error.getMessage());
        assertTrue(WeightsFile.settings(bare, Facts.ofHeads(2)).contains("model.heads=2"));
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
