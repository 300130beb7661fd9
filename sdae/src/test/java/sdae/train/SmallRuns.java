package sdae.train;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import sdae.config.Config;
import sdae.io.Hashes;
import sdae.io.Progress;

/** Runs of a second on drawn images, and what they left. */
public final class SmallRuns {
    /** A network of two blocks for images of 16 pixels; evaluations and checkpoints at the ends alone. */
    public static final List<String> SIZES = List.of(
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

    private SmallRuns() {}

    /** Draws waves into {@code folder/classN}: a class has a blue of its own, and a frequency that is so much above the one before. */
    public static void draw(Path folder, int images, int classes, double step) throws IOException {
        for (int i = 0; i < images; i++) {
            BufferedImage image = new BufferedImage(20, 18, BufferedImage.TYPE_INT_RGB);
            for (int p = 0; p < 20 * 18; p++) {
                int wave = (int) (127 + 120 * Math.sin(p * (0.1 + step * (i % classes)) + i));
                image.setRGB(p % 20, p / 20, wave << 16 | (255 - wave) << 8 | 250 / classes * (i % classes));
            }
            Path file = folder.resolve("class" + i % classes + "/" + i + ".png");
            Files.createDirectories(file.getParent());
            ImageIO.write(image, "png", file.toFile());
        }
    }

    public static Run.Outcome run(Config config, Path folder, boolean resume, Supplier<String> stop)
            throws IOException {
        PrintStream quiet = new PrintStream(new ByteArrayOutputStream(), false, StandardCharsets.UTF_8);
        return run(config, folder, resume, new Progress(quiet), stop);
    }

    static Run.Outcome run(Config config, Path folder, boolean resume, Progress progress, Supplier<String> stop)
            throws IOException {
        try (Run run = new Run(config, folder, resume, progress, stop)) {
            return run.train();
        }
    }

    /** Four steps of pretraining on images of three classes that are drawn first, in {@code folder/images}: their run. */
    public static Path pretrain(Path folder, String... more) throws IOException {
        Path images = folder.resolve("images");
        draw(images, 48, 3, 0.4);
        List<String> sets = new ArrayList<>(SIZES);
        sets.addAll(List.of("data.path=" + images, "data.holdout=0.3", "train.batch=8", "train.steps=4"));
        sets.addAll(List.of(more));
        Path run = folder.resolve("pretrained");
        run(Config.load(null, null, sets), run, false, () -> null);
        return run;
    }

    /** A signal comes after so many questions. */
    static Supplier<String> after(int questions) {
        int[] asked = {0};
        return () -> asked[0]++ < questions ? null : "SIGTERM";
    }

    /** Hashes of the weights and optimizer files of a checkpoint. */
    static Map<String, String> weights(Path run, long step) throws IOException {
        Map<String, String> hashes = new TreeMap<>();
        Path checkpoint = run.resolve(String.format("checkpoints/step-%010d", step));
        try (Stream<Path> files = Files.list(checkpoint)) {
            for (Path file :
                    files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
                hashes.put(file.getFileName().toString(), Hashes.ofFile(file));
            }
        }
        return hashes;
    }

    /** step, epoch, loss, lr, momentum, decay, norm of every row: what no clock has touched. */
    static List<String> curves(Path run) throws IOException {
        return Files.readAllLines(run.resolve("metrics.csv")).stream()
                .map(line -> String.join(",", List.of(line.split(",", -1)).subList(0, 7)))
                .toList();
    }

    /** The loss of every step. */
    static double[] losses(Path run) throws IOException {
        return Files.readAllLines(run.resolve("metrics.csv")).stream()
                .skip(1)
                .mapToDouble(line -> Double.parseDouble(line.split(",", -1)[2]))
                .toArray();
    }
}
