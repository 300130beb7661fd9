package sdae.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sdae.config.Config;
import sdae.data.RunData;
import sdae.eval.Backbone;
import sdae.eval.Features;
import sdae.eval.Score;
import sdae.eval.WeightsFile;
import sdae.io.ExitCode;
import sdae.io.Hashes;
import sdae.io.Progress;
import sdae.io.SafetensorsReader;
import sdae.io.SafetensorsWriter;
import sdae.io.UserError;
import sdae.kernels.Native;
import sdae.model.Classifier.Pool;
import sdae.nn.Positions;
import sdae.tensor.CpuBackend;
import sdae.tensor.TestDevices;

/** Fine-tuning, and opening what pretraining left, on one small run. */
class FinetuneTest {
    private static final List<String> SIZES = List.of(
            "image.size=16",
            "in_chans=3",
            "model.patch=4",
            "model.width=16",
            "model.depth=2",
            "model.heads=2",
            "decoder.width=16",
            "log.every=1",
            "eval.every_epochs=0",
            "checkpoint.every_epochs=0");

    @TempDir
    static Path shared;

    @TempDir
    Path folder;

    private static Path pretrained;

    @BeforeAll
    static void pretrain() throws IOException {
        for (int i = 0; i < 48; i++) {
            BufferedImage image = new BufferedImage(20, 18, BufferedImage.TYPE_INT_RGB);
            for (int p = 0; p < 20 * 18; p++) {
                int wave = (int) (127 + 120 * Math.sin(p * (0.1 + 0.4 * (i % 3)) + i));
                image.setRGB(p % 20, p / 20, wave << 16 | (255 - wave) << 8 | i % 3 * 100);
            }
            Path file = shared.resolve("images/class" + i % 3 + "/" + i + ".png");
            Files.createDirectories(file.getParent());
            ImageIO.write(image, "png", file.toFile());
        }
        List<String> sets = new ArrayList<>(SIZES);
        sets.addAll(
                List.of("data.path=" + shared.resolve("images"), "data.holdout=0.3", "train.batch=8", "train.steps=4"));
        pretrained = shared.resolve("pretrained");
        run(Config.load(null, null, sets), pretrained, false, () -> null);
    }

    private static Config config(String... more) {
        List<String> sets = new ArrayList<>(SIZES);
        sets.addAll(List.of(
                "data.path=" + shared.resolve("images"),
                "data.holdout=0.3",
                "finetune.from=" + pretrained,
                "finetune.ema=0.9",
                "train.batch=4",
                "train.accumulate=2",
                "train.steps=7",
                "train.warmup_epochs=0.5"));
        sets.addAll(List.of(more));
        return Config.load(null, "finetune", sets);
    }

    private static Run.Outcome run(Config config, Path folder, boolean resume, Supplier<String> stop)
            throws IOException {
        PrintStream quiet = new PrintStream(new ByteArrayOutputStream(), false, StandardCharsets.UTF_8);
        try (Run run = new Run(config, folder, resume, new Progress(quiet), stop)) {
            return run.train();
        }
    }

    private static Map<String, String> weights(Path run, long step) throws IOException {
        Map<String, String> hashes = new TreeMap<>();
        try (Stream<Path> files = Files.list(run.resolve(String.format("checkpoints/step-%010d", step)))) {
            for (Path file :
                    files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
                hashes.put(file.getFileName().toString(), Hashes.ofFile(file));
            }
        }
        return hashes;
    }

    private static double[] column(Path run, int column) throws IOException {
        return Files.readAllLines(run.resolve("metrics.csv")).stream()
                .skip(1)
                .mapToDouble(line -> Double.parseDouble(line.split(",", -1)[column]))
                .toArray();
    }

    @Test
    void stoppingAnywhereAndResumingGivesTheSameBitsForAnyThreadsAndWorkers() throws IOException {
        Path whole = folder.resolve("whole");
        Run.Outcome all = run(config("threads=1", "data.workers=0"), whole, false, () -> null);
        assertEquals(
                List.of("classifier.safetensors", "ema.safetensors", "optimizer.safetensors"),
                List.copyOf(weights(whole, 7).keySet()));
        for (int stop : new int[] {1, 5}) {
            Path cut = folder.resolve("cut" + stop);
            Config other = config("threads=3", "data.workers=2");
            int[] asked = {0};
            assertFalse(run(other, cut, false, () -> asked[0]++ < stop ? null : "SIGTERM")
                    .finished());
            Run.Outcome second = run(other, cut, true, () -> null);
            assertTrue(second.finished());
            assertEquals(weights(whole, 7), weights(cut, 7), "stopped after " + stop);
            assertArrayEquals(column(whole, 2), column(cut, 2));
            assertEquals(all.summary().get("top1"), second.summary().get("top1"));
            assertEquals(all.summary().get("top1_ema"), second.summary().get("top1_ema"));
        }
        for (String file : List.of("confusion.csv", "confusion.png", "evals.csv", "summary.json", "config.yaml")) {
            assertTrue(Files.size(whole.resolve(file)) > 0, file);
        }
    }

    /** Its own head makes of the features what the run reports; so they are behind the norm that the head was trained on. */
    @Test
    void featuresOfAFineTunedNetworkAreThoseThatItsHeadSees() throws IOException {
        for (String pool : List.of("mean", "cls")) {
            Path run = folder.resolve(pool);
            Run.Outcome outcome =
                    run(config("finetune.pool=" + pool, "train.steps=30", "optim.lr=1e-2"), run, false, () -> null);
            Backbone.Origin origin = new Backbone.Origin(run, Backbone.Network.STUDENT, List.of(), true);
            Pool own = pool.equals("mean") ? Pool.MEAN : Pool.CLASS_TOKEN;
            try (Backbone backbone = Backbone.open(origin, line -> {});
                    RunData data = RunData.open(backbone.config());
                    SafetensorsReader reader = SafetensorsReader.open(
                            run.resolve("checkpoints/step-0000000030").resolve(WeightsFile.CLASSIFIER))) {
                Features features =
                        Features.of(backbone, own, data.test(), Integer.MAX_VALUE, data.normalization(), images -> {});
                float[] weight = reader.floats("head.weight");
                float[] bias = reader.floats("head.bias");
                float[] scores = new float[features.count() * bias.length];
                for (int i = 0; i < scores.length; i++) {
                    double sum = bias[i % bias.length];
                    for (int d = 0; d < features.width(); d++) {
                        sum += (double) weight[i % bias.length * features.width() + d]
                                * features.rows()[i / bias.length * features.width() + d];
                    }
                    scores[i] = (float) sum;
                }
                Score score = Score.of(scores, features.labels(), bias.length);
                assertEquals(outcome.summary().get("top1"), score.top1(), pool);
                assertTrue(score.predicted(0) < score.count() && score.top1() > 0.4, score.text());
                if (own == Pool.MEAN) {
                    UserError error = assertThrows(
                            UserError.class,
                            () -> Features.of(
                                    backbone, Pool.CLASS_TOKEN, data.test(), 1, data.normalization(), images -> {}));
                    assertTrue(error.getMessage().contains("--pool mean"), error.getMessage());
                }
            }
        }
    }

    @Test
    void itLearnsTheClassesAndScratchStartsElsewhere() throws IOException {
        String[] easy = {
            "train.steps=120",
            "train.accumulate=1",
            "train.batch=8",
            "optim.lr=0.005",
            "finetune.mix_prob=0",
            "finetune.randaugment=none",
            "finetune.erase=0",
            "finetune.layer_decay=1",
            "finetune.ema=0",
            "log.every=119"
        };
        Run.Outcome tuned = run(config(easy), folder.resolve("tuned"), false, () -> null);
        assertTrue(
                (Double) tuned.summary().get("top1") > 0.8,
                tuned.summary().get("top1").toString());
        double[] interval = (double[]) tuned.summary().get("top1_interval95");
        assertTrue(interval[0] < (Double) tuned.summary().get("top1"));
        assertEquals(0, tuned.summary().get("duplicates_across_splits"));
        assertEquals(120L * 8, tuned.summary().get("images"));
        try (RunData data = RunData.open(config())) {
            assertEquals(data.test().size(), tuned.summary().get("test_images"));
        }
        run(config("train.steps=1"), folder.resolve("from"), false, () -> null);
        run(config("train.steps=1", "finetune.from=scratch"), folder.resolve("scratch"), false, () -> null);
        assertNotEquals(weights(folder.resolve("from"), 1), weights(folder.resolve("scratch"), 1));
    }

    @Test
    void everySettingOfTheRecipeChangesWhatIsLearned() throws IOException {
        run(config("train.steps=2", "eval.run=false"), folder.resolve("base"), false, () -> null);
        String base = weights(folder.resolve("base"), 2).get("classifier.safetensors");
        for (String set : List.of(
                "finetune.layer_decay=0.5",
                "finetune.smoothing=0",
                "finetune.mix_prob=0",
                "finetune.switch_prob=0",
                "finetune.erase=0.9",
                "finetune.randaugment=none",
                "student.drop_path=0",
                "finetune.network=teacher",
                "finetune.pool=cls",
                "data.crop_scale=[1, 1]")) {
            Path other = folder.resolve(set.replaceAll("\\W", "-"));
            run(config("train.steps=2", "eval.run=false", set), other, false, () -> null);
            assertNotEquals(base, weights(other, 2).get("classifier.safetensors"), set);
        }
    }

    @Test
    void aSimulatedGpuLearnsWhatTheCpuLearns() throws IOException {
        TestDevices.needSimulatedGpu();
        for (String dtype : List.of("f32", "bf16")) {
            Path cpu = folder.resolve("cpu" + dtype);
            Path sim = folder.resolve("sim" + dtype);
            run(config("train.steps=3", "model.dtype=" + dtype, "eval.run=false"), cpu, false, () -> null);
            run(
                    config("train.steps=3", "model.dtype=" + dtype, "eval.run=false", "device=cuda-sim"),
                    sim,
                    false,
                    () -> null);
            assertArrayEquals(column(cpu, 2), column(sim, 2), dtype.equals("f32") ? 1e-5 : 1e-2);
        }
    }

    @Test
    void settingsOfFineTuningDoNotTouchAPretrainingRun() {
        Config one = Config.load(null, null, SIZES);
        List<String> more = new ArrayList<>(SIZES);
        more.add("finetune.mixup=0.3");
        assertEquals(one.hash(), Config.load(null, null, more).hash());
        assertFalse(one.toYaml().contains("finetune."));
        assertNotEquals(config().hash(), config("finetune.mixup=0.3").hash());
        for (String wrong : List.of("train.batch=5", "finetune.smoothing=2", "finetune.pool=max")) {
            assertEquals(
                    ExitCode.CONFIG,
                    assertThrows(UserError.class, () -> config(wrong)).code());
        }
        UserError policy = assertThrows(
                UserError.class,
                () -> run(config("finetune.randaugment=augmix"), folder.resolve("policy"), false, () -> null));
        assertTrue(policy.getMessage().contains("finetune.randaugment must be none or"), policy.getMessage());
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
                "the file lacks blocks.1.attn.qkv.bias [48]",
                "the model lacks surplus.weight [2]",
                "norm.bias (file [3], model [16])")) {
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

    private byte[] bytes(SafetensorsWriter writer) throws IOException {
        Path file = folder.resolve("scratch.safetensors");
        try (var out = sdae.io.Disk.real().create(file)) {
            writer.writeTo(out);
        }
        return Files.readAllBytes(file);
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
        Run.Outcome outcome = run(config("image.size=24", "train.steps=1"), folder.resolve("large"), false, () -> null);
        assertTrue(outcome.finished());
        UserError e = assertThrows(
                UserError.class, () -> run(config("model.width=32"), folder.resolve("wide"), false, () -> null));
        assertEquals(ExitCode.CHECKPOINT, e.code());
        assertTrue(e.getMessage().contains("cls_token (file [1, 1, 16], model [1, 1, 32])"), e.getMessage());
    }

    @Test
    void whatIsNoEncoderIsSaid() throws IOException {
        Path lone = folder.resolve("lone.safetensors");
        Files.write(lone, bytes(new SafetensorsWriter().add("weight", new long[] {2}, new float[2])));
        UserError e = assertThrows(
                UserError.class, () -> Backbone.open(origin(lone, Backbone.Network.STUDENT, true), s -> {}));
        assertTrue(e.getMessage().contains("has no patch_embed.proj.weight"), e.getMessage());
        UserError none = assertThrows(
                UserError.class, () -> Backbone.open(origin(folder, Backbone.Network.STUDENT, true), s -> {}));
        assertTrue(none.getMessage().contains("neither a run folder"), none.getMessage());
    }
}
