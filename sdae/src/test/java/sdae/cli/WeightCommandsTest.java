package sdae.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import sdae.config.Config;
import sdae.eval.Backbone;
import sdae.io.UserError;

/** The commands on runs of two steps: what one writes, the others read. */
class WeightCommandsTest {
    @TempDir
    static Path folder;

    @BeforeAll
    static void trainTwoRuns() throws Exception {
        for (int i = 0; i < 24; i++) {
            BufferedImage image = new BufferedImage(16, 16, BufferedImage.TYPE_INT_RGB);
            for (int p = 0; p < 256; p++) {
                image.setRGB(p % 16, p / 16, (p * 31 + i * 977) * 2654435);
            }
            Path file = folder.resolve("images/class" + i % 2 + "/" + i + ".png");
            Files.createDirectories(file.getParent());
            ImageIO.write(image, "png", file.toFile());
        }
        for (String objective : List.of("sdae", "mae")) {
            run(
                    new PretrainCommand(),
                    Stream.of(
                                    "objective=" + objective,
                                    "data.path=" + folder.resolve("images"),
                                    "run.dir=" + folder,
                                    "run.name=" + objective,
                                    "image.size=16",
                                    "in_chans=3",
                                    "model.width=16",
                                    "model.depth=2",
                                    "decoder.width=16",
                                    "train.batch=8",
                                    "train.steps=2",
                                    "fold.k=2",
                                    "eval.run=false")
                            .flatMap(set -> Stream.of("--set", set))
                            .toArray(String[]::new));
        }
    }

    /** Runs a command; its own exceptions come through. */
    private static void run(Callable<Integer> command, String... arguments) throws Exception {
        CommandLine line = new CommandLine(command).setCaseInsensitiveEnumValuesAllowed(true);
        Exception[] thrown = new Exception[1];
        line.setExecutionExceptionHandler((e, c, p) -> {
            thrown[0] = e;
            return 1;
        });
        int code = line.execute(arguments);
        if (thrown[0] != null) {
            throw thrown[0];
        }
        assertEquals(0, code, () -> Arrays.toString(arguments));
    }

    private static String at(String name) {
        return folder.resolve(name).toString();
    }

    private static Set<String> files(Path where) throws IOException {
        try (Stream<Path> list = Files.list(where)) {
            return list.map(p -> p.getFileName().toString()).collect(Collectors.toCollection(TreeSet::new));
        }
    }

    /** Through Hugging Face's names and back, the features of other images stay the same bits. */
    @Test
    void anImportedRunGivesTheFeaturesOfTheRunItCameFrom() throws Exception {
        run(new ExportCommand(), at("sdae"), "--to", "hf-vit", "--teacher", "-o", at("hf"));
        assertEquals(
                new TreeSet<>(List.of("config.json", "model.safetensors", "preprocessor_config.json")),
                files(folder.resolve("hf")));
        run(new ImportCommand(), at("hf"), "-o", at("back"));
        run(new ExportCommand(), at("back"), "--to", "timm", "--head", "3", "-o", at("timm.safetensors"));
        Config kept = new Backbone.Origin(folder.resolve("timm.safetensors"), Backbone.Network.STUDENT, List.of(), true)
                .config();
        Config imported = Config.load(folder.resolve("back/config.yaml"), null, List.of());
        assertTrue(kept.text("data.mean").matches("0\\.\\d+,0\\.\\d+,0\\.\\d+"), kept.text("data.mean"));
        assertEquals(imported.text("data.mean"), kept.text("data.mean"), "a file's own normalization counts");
        assertEquals(imported.text("data.std"), kept.text("data.std"));
        String[] options = {"--data", at("images"), "--pool", "tokens"};
        run(new FeaturesCommand(), with(options, at("sdae"), "--of", "teacher", "-o", at("a.npy")));
        run(new FeaturesCommand(), with(options, at("back"), "-o", at("b.npy")));
        run(new FeaturesCommand(), with(options, at("timm.safetensors"), "-o", at("c.npy")));
        run(new FeaturesCommand(), with(options, at("hf"), "-o", at("d.npy")));
        byte[] expected = Files.readAllBytes(folder.resolve("a.npy"));
        assertEquals(128 + 24 * 17 * 16 * 4, expected.length);
        assertArrayEquals(expected, Files.readAllBytes(folder.resolve("b.npy")));
        assertArrayEquals(expected, Files.readAllBytes(folder.resolve("c.npy")));
        assertArrayEquals(expected, Files.readAllBytes(folder.resolve("d.npy")));
    }

    private static String[] with(String[] options, String... more) {
        return Stream.concat(Arrays.stream(more), Arrays.stream(options)).toArray(String[]::new);
    }

    @Test
    void picturesOfEachKindOfRun() throws Exception {
        run(new VisualizeCommand(), at("sdae"), "--images", "3", "--neighbours", "2", "-o", at("sdae-pictures"));
        assertEquals(
                new TreeSet<>(List.of(
                        "1-masks-and-folds.png",
                        "2-prediction-against-target.png",
                        "3-attention-of-the-student.png",
                        "4-patch-features-as-colours.png",
                        "5-nearest-images-student.png",
                        "6-nearest-patches-student.png",
                        "index.html")),
                files(folder.resolve("sdae-pictures")));
        BufferedImage masks = ImageIO.read(
                folder.resolve("sdae-pictures/1-masks-and-folds.png").toFile());
        assertEquals(3 * 112 + 2 * 6, masks.getWidth());
        run(new VisualizeCommand(), at("mae"), "--images", "3", "-o", at("mae-pictures"));
        assertTrue(files(folder.resolve("mae-pictures")).contains("2-reconstruction.png"));
        String page = Files.readString(folder.resolve("mae-pictures/index.html"));
        assertTrue(page.contains("Reconstruction") && !page.contains("http://") && !page.contains("https://"));
    }

    @Test
    void aWeightsFileAloneIsDrawnAsFarAsItGoes() throws Exception {
        run(new ExportCommand(), at("mae"), "--to", "timm", "-o", at("mae.safetensors"));
        String[] arguments = {at("mae.safetensors"), "--data", at("images"), "--images", "2", "-o", at("file-pictures")
        };
        run(new VisualizeCommand(), arguments);
        Set<String> pictures = files(folder.resolve("file-pictures"));
        assertTrue(pictures.contains("1-attention-of-the-student.png"), pictures.toString());
        assertEquals(5, pictures.size());
        UserError again = assertThrows(UserError.class, () -> run(new VisualizeCommand(), arguments));
        assertTrue(again.getMessage().contains("is there already"), again.getMessage());
    }

    @Test
    void anMaeRunKeepsItsDecoderThroughViTMae() throws Exception {
        run(new ExportCommand(), at("mae"), "--to", "hf-vitmae", "-o", at("vitmae"));
        run(new ImportCommand(), at("vitmae"), "-o", at("mae-back"));
        Path before = folder.resolve("mae/checkpoints/step-0000000002/student.safetensors");
        Path after = folder.resolve("mae-back/checkpoints/step-0000000000/student.safetensors");
        try (var a = sdae.io.SafetensorsReader.open(before);
                var b = sdae.io.SafetensorsReader.open(after)) {
            assertEquals(new TreeSet<>(a.names()), new TreeSet<>(b.names()));
            for (String name : a.names()) {
                assertArrayEquals(a.bytes(name), b.bytes(name), name);
            }
        }
        run(new VisualizeCommand(), at("mae-back"), "--data", at("images"), "--images", "2", "-o", at("back-pictures"));
        assertTrue(files(folder.resolve("back-pictures")).contains("2-reconstruction.png"));
    }

    @Test
    void usageFaultsSayWhatIsTaken() {
        UserError teacher = assertThrows(
                UserError.class,
                () -> run(new ExportCommand(), at("mae"), "--to", "timm", "--teacher", "-o", at("no.safetensors")));
        assertTrue(teacher.getMessage().contains("has no teacher"), teacher.getMessage());
        UserError suffix =
                assertThrows(UserError.class, () -> run(new FeaturesCommand(), at("mae"), "-o", at("features.txt")));
        assertEquals(2, suffix.code().code());
        assertFalse(Files.exists(folder.resolve("no.safetensors")));
    }
}
