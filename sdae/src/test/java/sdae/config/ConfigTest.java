package sdae.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import sdae.io.ExitCode;
import sdae.io.UserError;

class ConfigTest {
    @TempDir
    Path folder;

    private static Config of(String... sets) {
        return Config.load(null, null, List.of(sets));
    }

    private static String refusal(String... sets) {
        UserError e = assertThrows(UserError.class, () -> of(sets));
        assertEquals(ExitCode.CONFIG, e.code());
        return e.getMessage();
    }

    @Test
    void officialPresetIsTheRecipeOfTheReleasedCode() {
        Config c = Config.load(null, "sdae-official", List.of());
        assertEquals(7.998e-4, c.peakLearningRate(), 1e-12);
        assertEquals(768, c.imagesPerStep());
        assertEquals(new Config.Patches(196, 49, 147, 3, 49), c.patches());
        assertEquals(768, c.model().width());
        assertEquals("random_timm", c.text("teacher.init"));
        assertEquals(0.25, c.number("student.drop_path"));
    }

    @Test
    void setsWinOverTheFileWhichWinsOverThePreset() throws IOException {
        Path file = Files.writeString(
                folder.resolve("c.yaml"),
                "preset: sdae-official\ntrain:\n  epochs: 12\n  warmup_epochs: 1\nema.m0: 0.5\noptim: {lr: 0.25}\n");
        Config c = Config.load(file, null, List.of("ema.m0=0.75", "data.crop_scale=[0.4, 1]"));
        assertEquals(12, c.number("train.epochs"));
        assertEquals(0.75, c.number("ema.m0"));
        assertEquals(0.25, c.peakLearningRate());
        assertEquals(0.4, c.pair("data.crop_scale")[0]);
        assertEquals("vit_base", c.text("model.name"));
    }

    @Test
    void everyFaultIsNamedAtOnceWithItsLineAndTheNearestKey() throws IOException {
        Path file = Files.writeString(
                folder.resolve("bad.yaml"),
                "optim:\n  lerning_rate: 1\nseed: 1.5\ntrain.epochs: no\nwd.skip_tokens: yes\n");
        UserError e = assertThrows(UserError.class, () -> Config.load(file, null, List.of("optim.lrr=1", "x")));
        String text = e.getMessage();
        assertTrue(text.contains("bad.yaml:2: unknown key 'optim.lerning_rate'"), text);
        assertTrue(text.contains("bad.yaml:3: seed must be a whole number, but is '1.5'"), text);
        assertTrue(text.contains("bad.yaml:4: train.epochs must be a number, but is 'no'"), text);
        assertTrue(text.contains("bad.yaml:5: wd.skip_tokens must be true or false, but is 'yes'"), text);
        assertTrue(text.contains("unknown key 'optim.lrr' (did you mean optim.lr?)"), text);
        assertTrue(text.contains("--set x: must be key=value"), text);
    }

    @Test
    void aKeyTwiceIsRefused() throws IOException {
        Path file = Files.writeString(folder.resolve("twice.yaml"), "seed: 1\nseed: 2\n");
        UserError e = assertThrows(UserError.class, () -> Config.load(file, null, List.of()));
        assertTrue(e.getMessage().contains("uplicate"), e.getMessage());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "image.size=30|image.size must be a multiple of model.patch 4, but is 30 (nearest: 28 or 32)",
                "mask.ratio=1.5|mask.ratio must be between 0.0 and 1.0, but is 1.5",
                "mask.ratio=0.999|of 49 patches leaves 0 visible and 49 masked",
                "fold.k=40|37 masked patches cannot make 40 folds",
                "model.heads=5|model.width must be a multiple of",
                "train.batch=0|train.batch must be in 1..",
                "ema.every=never|ema.every must be epoch, iter or a number of steps, but is 'never'",
                "optim.lr=NaN|optim.lr must be a number, but is 'NaN'",
                "device=gpu|device must be cpu",
                "model.name=vit_giant|model.name must be custom or one of",
                "loss.center_tokens=true|defined for the cosine over the token axis only",
                "fold.tokens=38|fold.tokens must be all or 1..37",
            })
    void numbersThatDoNotFitAreRefusedWithTheArithmetic(String set, String message) {
        String refusal = refusal(set);
        assertTrue(refusal.contains(message), refusal);
    }

    @Test
    void shortFoldsAreRefusedOnTheTokenAxis() {
        assertTrue(refusal("loss.axis=token", "fold.k=12").contains("are 3 each"));
        assertEquals(3, of("loss.axis=channel", "fold.k=12").patches().foldSize());
    }

    @Test
    void writtenConfigReadsBackAsItselfAndHashesLeaveThreadsOut() throws IOException {
        Config c = of("data.path=/some where/\"x\"", "seed=7", "ema.every=3");
        Path file = Files.writeString(folder.resolve("full.yaml"), c.toYaml());
        Config again = Config.load(file, null, List.of());
        assertEquals(c.toYaml(), again.toYaml());
        assertEquals(
                c.hash(),
                Config.load(file, null, List.of("threads=2", "run.name=z")).hash());
        Config other = Config.load(file, null, List.of("seed=8"));
        assertNotEquals(c.hash(), other.hash());
        assertEquals(List.of("seed: 7 -> 8"), c.differences(other));
    }

    @Test
    void rectangularImagesAndRemaindersWork() {
        Config c = of("image.size=32x48", "model.patch=8", "in_chans=3", "fold.k=3");
        assertEquals(new Config.Patches(24, 6, 18, 3, 6), c.patches());
        assertEquals(new Config.Patches(49, 12, 37, 3, 12), of().patches());
    }
}
