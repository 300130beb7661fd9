package sdae.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sdae.data.RunData;
import sdae.io.ExitCode;
import sdae.io.SafetensorsReader;
import sdae.io.SafetensorsWriter;
import sdae.io.UserError;
import sdae.kernels.Native;
import sdae.model.Classifier.Pool;
import sdae.nn.Positions;
import sdae.tensor.CpuBackend;
import sdae.train.SmallRuns;
import sdae.weights.WeightsFile;

/** Frozen encoders of what a small pretraining left: its folder, its files, and files that do not fit. */
class BackboneTest {
    @TempDir
    static Path shared;

    @TempDir
    Path folder;

    private static Path pretrained;

    @BeforeAll
    static void pretrain() throws IOException {
        pretrained = SmallRuns.pretrain(shared, "eval.run=false");
    }

    private static Backbone.Origin origin(Path path, Backbone.Network network, boolean strict, String... sets) {
        return new Backbone.Origin(path, network, List.of(sets), strict);
    }

    private static float[] features(Backbone backbone, Pool pool, int limit) {
        try (RunData data = RunData.open(backbone.config())) {
            return Features.of(backbone, pool, data.train(), limit, data.normalization(), images -> {})
                    .rows();
        }
    }

    private Path checkpoint(String file) {
        return pretrained.resolve("checkpoints/step-0000000004").resolve(file);
    }

    private byte[] bytes(SafetensorsWriter writer) throws IOException {
        Path file = folder.resolve("scratch.safetensors");
        try (var out = sdae.io.Disk.real().create(file)) {
            writer.writeTo(out);
        }
        return Files.readAllBytes(file);
    }

    @Test
    void runFolderCheckpointFileAndLoneFileGiveTheSameFeatures() throws IOException {
        Path lone = folder.resolve("lone.safetensors");
        Files.copy(checkpoint(WeightsFile.STUDENT), lone);
        String images = "data.path=" + shared.resolve("images");
        try (Backbone run = Backbone.open(origin(pretrained, Backbone.Network.STUDENT, true), s -> {});
                Backbone file = Backbone.open(
                        origin(checkpoint(WeightsFile.STUDENT), Backbone.Network.STUDENT, true), s -> {});
                Backbone shapes = Backbone.open(
                        origin(lone, Backbone.Network.STUDENT, true, images, "data.holdout=0.3"), s -> {});
                Backbone teacher = Backbone.open(origin(pretrained, Backbone.Network.TEACHER, true), s -> {});
                Backbone untrained = Backbone.open(origin(pretrained, Backbone.Network.UNTRAINED, true), s -> {})) {
            float[] expected = features(run, Pool.MEAN, 20);
            assertArrayEquals(expected, features(file, Pool.MEAN, 20));
            assertEquals(run.spec().heads(), shapes.spec().heads());
            assertArrayEquals(expected, features(shapes, Pool.MEAN, 20));
            assertFalse(Arrays.equals(expected, features(teacher, Pool.MEAN, 20)));
            assertFalse(Arrays.equals(expected, features(untrained, Pool.MEAN, 20)));
            assertFalse(Arrays.equals(expected, features(run, Pool.CLASS_TOKEN, 20)));
            assertEquals(4, run.step());
        }
    }

    /** Evenly spaced images fall into other batches for every limit; only the image may matter, not its company. */
    @Test
    void aFeatureDependsOnItsImageAloneNotOnBatchOrThreads() throws IOException {
        new CpuBackend();
        int threads = Native.sk_threads();
        try (Backbone backbone = Backbone.open(origin(pretrained, Backbone.Network.STUDENT, true), s -> {});
                RunData data = RunData.open(backbone.config())) {
            for (Pool pool : Pool.values()) {
                Features all = Features.of(backbone, pool, data.train(), 1000, data.normalization(), images -> {});
                for (int t : new int[] {1, 2, 5}) {
                    Native.sk_set_threads(t);
                    for (int limit : new int[] {1, 7, 33}) {
                        Features some =
                                Features.of(backbone, pool, data.train(), limit, data.normalization(), images -> {});
                        assertArrayEquals(all.subset(some.ids()).rows(), some.rows(), pool + " " + limit);
                    }
                }
            }
        } finally {
            Native.sk_set_threads(threads);
        }
    }

    @Test
    void weightsThatDoNotFitAreListedAndOnRequestLeftOut() throws IOException {
        Path other = folder.resolve("other.safetensors");
        SafetensorsWriter writer = new SafetensorsWriter().add("surplus.weight", new long[] {2}, new float[2]);
        try (SafetensorsReader reader = SafetensorsReader.open(checkpoint(WeightsFile.STUDENT))) {
            for (String name : reader.names()) {
                if (name.equals("norm.bias")) {
                    writer.add(name, new long[] {3}, new float[3]);
                } else if (!name.equals("blocks.1.attn.qkv.bias")) {
                    writer.add(name, reader.shape(name), reader.floats(name));
                }
            }
        }
        sdae.io.AtomicFolder.writeFile(sdae.io.Disk.real(), other, bytes(writer));
        String[] sets = {"data.path=" + shared.resolve("images"), "model.heads=2"};
        UserError e = assertThrows(
                UserError.class, () -> Backbone.open(origin(other, Backbone.Network.STUDENT, true, sets), s -> {}));
        assertEquals(ExitCode.CHECKPOINT, e.code());
        for (String part : List.of(
                "1 missing (blocks.1.attn.qkv.bias [48])",
                "1 not part of the network (surplus.weight [2])",
                "1 of another shape (norm.bias: file [3], network [16])")) {
            assertTrue(e.getMessage().contains(part), e.getMessage());
        }
        assertFalse(e.getMessage().contains("decoder_"), e.getMessage());
        List<String> said = new ArrayList<>();
        try (Backbone loose = Backbone.open(origin(other, Backbone.Network.STUDENT, false, sets), said::add);
                Backbone whole = Backbone.open(origin(pretrained, Backbone.Network.STUDENT, true), s -> {})) {
            assertEquals(1, said.size());
            assertTrue(said.get(0).contains("surplus.weight"), said.get(0));
            assertArrayEquals(
                    whole.parameters().get("blocks.1.attn.qkv.weight").value().toFloats(),
                    loose.parameters().get("blocks.1.attn.qkv.weight").value().toFloats());
            assertArrayEquals(
                    new float[16], loose.parameters().get("norm.bias").value().toFloats());
        }
    }

    @Test
    void whatIsNoEncoderIsSaid() throws IOException {
        Path lone = folder.resolve("lone.safetensors");
        Files.write(lone, bytes(new SafetensorsWriter().add("weight", new long[] {2}, new float[2])));
        UserError e = assertThrows(
                UserError.class, () -> Backbone.open(origin(lone, Backbone.Network.STUDENT, true), s -> {}));
        assertTrue(e.getMessage().contains("it needs patch_embed.proj.weight"), e.getMessage());
        UserError none = assertThrows(
                UserError.class, () -> Backbone.open(origin(folder, Backbone.Network.STUDENT, true), s -> {}));
        assertTrue(none.getMessage().contains("neither a run folder"), none.getMessage());
    }

    @Test
    void anotherImageSizeResizesThePositions() throws IOException {
        try (Backbone large =
                        Backbone.open(origin(pretrained, Backbone.Network.STUDENT, true, "image.size=24x20"), s -> {});
                Backbone own = Backbone.open(origin(pretrained, Backbone.Network.STUDENT, true), s -> {})) {
            float[] table = own.parameters().get("pos_embed").value().toFloats();
            assertArrayEquals(
                    Positions.resize(table, 4, 4, 6, 5, 16),
                    large.parameters().get("pos_embed").value().toFloats());
            assertEquals(20 * 16, features(large, Pool.MEAN, 20).length);
        }
    }
}
