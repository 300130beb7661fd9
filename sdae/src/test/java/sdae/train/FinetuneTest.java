package sdae.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static sdae.train.SmallRuns.losses;
import static sdae.train.SmallRuns.run;
import static sdae.train.SmallRuns.weights;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sdae.config.Config;
import sdae.data.RunData;
import sdae.eval.Backbone;
import sdae.eval.Features;
import sdae.eval.Score;
import sdae.io.ExitCode;
import sdae.io.SafetensorsReader;
import sdae.io.UserError;
import sdae.model.Classifier.Pool;
import sdae.tensor.TestDevices;
import sdae.weights.WeightsFile;

/** Fine-tuning of one small run. */
class FinetuneTest {
    @TempDir
    static Path shared;

    @TempDir
    Path folder;

    private static Path pretrained;

    @BeforeAll
    static void pretrain() throws IOException {
        pretrained = SmallRuns.pretrain(shared);
    }

    private static Config config(String... more) {
        List<String> sets = new ArrayList<>(SmallRuns.SIZES);
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

    @Test
    void aRunLeavesWeightsOfItsOwnAndTheirAverage() throws IOException {
        Path whole = folder.resolve("whole");
        run(config(), whole, false, () -> null);
        assertEquals(
                List.of("classifier.safetensors", "ema.safetensors", "optimizer.safetensors"),
                List.copyOf(weights(whole, 7).keySet()));
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
            assertArrayEquals(losses(cpu), losses(sim), dtype.equals("f32") ? 1e-5 : 1e-2);
        }
    }

    @Test
    void settingsOfFineTuningDoNotTouchAPretrainingRun() {
        Config one = Config.load(null, null, SmallRuns.SIZES);
        List<String> more = new ArrayList<>(SmallRuns.SIZES);
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

    @Test
    void anotherImageSizeIsTakenAnotherWidthIsNot() throws IOException {
        Run.Outcome outcome = run(config("image.size=24", "train.steps=1"), folder.resolve("large"), false, () -> null);
        assertTrue(outcome.finished());
        UserError e = assertThrows(
                UserError.class, () -> run(config("model.width=32"), folder.resolve("wide"), false, () -> null));
        assertEquals(ExitCode.CHECKPOINT, e.code());
        assertTrue(e.getMessage().contains("cls_token: file [1, 1, 16], network [1, 1, 32]"), e.getMessage());
    }
}
