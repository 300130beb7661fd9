package sdae.study;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
import java.util.List;
import java.util.function.Supplier;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sdae.io.UserError;

/** Whole studies on images of two dozen pixels. */
class StudyTest {
    private static final String BASE = """
            name: A tiny study
            base:
              data.path: IMAGES
              image.size: 16
              in_chans: 3
              model: {patch: 4, width: 16, depth: 1, heads: 2}
              decoder: {width: 16, depth: 1, heads: 2}
              train: {batch: 8, epochs: 2, warmup_epochs: 0.5}
              eval: {knn_k: 3, knn_train: 20, knn_test: 10}
            seeds: [3, 4]
            """;
    private static final String ARMS = """
            arms:
              channel: {loss.axis: channel}
              token: {loss.axis: token}
              scratch: {pretrain: false, finetune: {finetune.layer_decay: 1}}
            probes: [knn, ridge, logistic, finetune]
            finetune: {epochs: 1, train.batch: 8}
            """;

    @TempDir
    static Path images;

    @TempDir
    Path folder;

    @BeforeAll
    static void draw() throws IOException {
        for (int i = 0; i < 60; i++) {
            BufferedImage image = new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB);
            for (int p = 0; p < 256; p++) {
                int wave = (int) (127 + 120 * Math.sin(p * (0.2 + 0.3 * (i % 3)) + i));
                image.setRGB(p % 16, p / 16, wave << 16 | (255 - wave) << 8 | i * 4);
            }
            Path file = images.resolve("class" + i % 3 + "/" + i + ".png");
            Files.createDirectories(file.getParent());
            ImageIO.write(image, "png", file.toFile());
        }
    }

    private Path write(String yaml) throws IOException {
        Path file = Files.createTempFile(folder, "study", ".yaml");
        return Files.writeString(file, yaml.replace("IMAGES", images.toString()));
    }

    private Study study(String yaml, String out, Supplier<String> stop, String... sets) throws IOException {
        PrintStream quiet = new PrintStream(new ByteArrayOutputStream(), false, StandardCharsets.UTF_8);
        Study.Options options = new Study.Options(List.of(sets), 0, List.of(), false);
        return new Study(write(yaml), folder.resolve(out), options, quiet, stop);
    }

    private String csv(String out) throws IOException {
        return Files.readString(folder.resolve(out).resolve("study.csv"));
    }

    /** Signals at the n-th question. */
    private static Supplier<String> at(int n) {
        int[] asked = {0};
        return () -> ++asked[0] > n ? "SIGTERM" : null;
    }

    @Test
    void aStudyThatIsStoppedAgainAndAgainEndsInTheSameBits() throws IOException {
        assertTrue(study(BASE + ARMS, "whole", () -> null).run());
        String whole = csv("whole");
        // 2 seeds x (2 arms x (2 networks x 3 probes + fine-tuning + loss and 5 measures) + scratch + 3 untrained) +
        // pixels
        assertEquals(1 + 2 * (2 * (6 + 1 + 6) + 1 + 3) + 1, whole.lines().count(), whole);
        int starts = 0;
        boolean finished = false;
        while (!finished) {
            finished = study(BASE + ARMS, "cut", at(40)).run();
            assertTrue(++starts < 40, "it goes on");
        }
        assertTrue(starts > 5, "it was stopped " + starts + " times");
        assertEquals(whole, csv("cut"));
        assertEquals(
                Files.readString(folder.resolve("whole/study.svg")), Files.readString(folder.resolve("cut/study.svg")));
        String page = Files.readString(folder.resolve("cut/study.html"));
        assertTrue(
                page.contains("class=\"band s1\"") && page.contains("kNN accuracy of the teacher"),
                "curves with bands");
        String before = Files.readString(folder.resolve("whole/token/seed-3/cell.json"));
        assertTrue(study(BASE + ARMS, "whole", at(0)).run(), "nothing is left to be stopped");
        assertEquals(before, Files.readString(folder.resolve("whole/token/seed-3/cell.json")));
    }

    @Test
    void probesArmsAndSeedsCanBeAddedLater() throws IOException {
        String first = "arms: {mae: {objective: mae}}\nprobes: [knn]\nbaselines: []\n";
        study(BASE.replace("[3, 4]", "[3]") + first, "grown", () -> null).run();
        assertEquals(
                1 + 1 + 6 - 2,
                csv("grown").lines().count(),
                "one probe, the loss, three measures of a run without teacher");
        Path weights = folder.resolve("grown/mae/seed-3/summary.json");
        String trained = Files.readString(weights);
        String later = "arms: {mae: {objective: mae}, sdae: {}}\nprobes: [knn, ridge]\nbaselines: []\n";
        study(BASE + later, "grown", () -> null).run();
        assertEquals(trained, Files.readString(weights), "not trained anew");
        study(BASE + later, "once", () -> null).run();
        assertEquals(csv("once"), csv("grown"));
    }

    @Test
    void changedSettingsOfABegunCellAreRefusedAndNamed() throws IOException {
        String arms = "arms: {a: {loss.axis: channel}}\nprobes: [knn]\nbaselines: []\n";
        assertFalse(study(BASE + arms, "changed", at(5)).run());
        UserError error = assertThrows(
                UserError.class, () -> study(BASE + arms.replace("channel", "token"), "changed", () -> null));
        assertEquals(2, error.code().code());
        assertTrue(error.getMessage().contains("loss.axis: channel -> token"), error.getMessage());
        assertThrows(UserError.class, () -> study(BASE + arms, "changed", () -> null, "mask.ratio=0.5"));
        assertTrue(study(BASE + arms, "changed", () -> null, "threads=1").run(), "threads change no result");
    }

    @Test
    void aCellThatFailsIsRecordedAndTheOthersGoOn() throws IOException {
        String arms = "arms: {bad: {optim.lr: 1e9}, good: {}}\nprobes: [knn]\nbaselines: []\n";
        Study study = study(BASE + arms, "failing", () -> null);
        assertTrue(study.run());
        assertEquals(2, study.failed());
        String text = Files.readString(folder.resolve("failing/study.md"));
        assertTrue(
                text.contains("| bad, seed 3 | the loss is") || text.contains("| bad, seed 3 | the gradient's norm is"),
                text);
        assertTrue(csv("failing").contains("good,4,teacher,knn,"), csv("failing"));
        assertFalse(csv("failing").contains("bad,"), csv("failing"));
        List<String> plan = study.plan();
        assertTrue(plan.get(0).contains("failed: ") && plan.get(1).endsWith("done"), plan.toString());
    }

    @Test
    void everyFaultOfTheFileIsNamedBeforeAnythingRuns() {
        List<String> faults = new ArrayList<>();
        for (String yaml : List.of(
                BASE + "arm: {}\narms: {a: {}}",
                BASE + "arms: {a: {los.axis: token}}",
                BASE + "arms: {a: {}, b: {fold.k: 40}}",
                BASE + "arms: {a: {}, 'A ': {}}",
                BASE + "arms: {pixels: {}}",
                BASE + "arms: {a: {finetune.layer_decay: 1}}",
                BASE + "arms: {a: {pretrain: false}}",
                BASE + "arms: {a: {seed: 4}}",
                BASE + "arms: {a: {objective: classify}}",
                BASE + "arms: {a: {}}\nprobes: [finetune]\nfinetune: {optim.lrr: 1}",
                BASE.replace("[3, 4]", "[3, 3]") + "arms: {a: {}}",
                BASE + "arms: {a: {train.batch: 1000}}")) {
            Exception error = assertThrows(
                    UserError.class, () -> study(yaml, "faults", () -> null).plan(), yaml);
            faults.add(error.getMessage());
        }
        List<String> words = List.of(
                "unknown key 'arm'",
                "arm 'a': unknown key 'los.axis' (did you mean loss.axis?)",
                "folds",
                "share the folder of 'a'",
                "share the folder of 'pixels'",
                "put it under finetune:",
                "finetune is not among the probes",
                "seed is the study's own",
                "objective must be sdae or mae",
                "finetune: unknown key 'optim.lrr'",
                "seeds must be different",
                "train.batch 1000 is more than");
        for (int i = 0; i < words.size(); i++) {
            assertTrue(faults.get(i).contains(words.get(i)), faults.get(i));
        }
        assertFalse(Files.exists(folder.resolve("faults")));
    }
}
