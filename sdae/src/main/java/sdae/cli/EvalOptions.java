package sdae.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;
import sdae.config.Config;
import sdae.data.RunData;
import sdae.eval.Backbone;
import sdae.eval.Classes;
import sdae.eval.Duplicates;
import sdae.eval.Features;
import sdae.eval.Score;
import sdae.io.AtomicFolder;
import sdae.io.Disk;
import sdae.io.Json;
import sdae.io.Pace;
import sdae.io.Progress;
import sdae.model.Classifier.Pool;
import sdae.tensor.Backend;
import sdae.tensor.Devices;
import sdae.tensor.GemmChoice;

/** What the probes of frozen features have in common: whose features, of which images, and where the results go. */
final class EvalOptions extends NetworkOptions {
    /** Whose features. */
    enum Subject {
        PIXELS,
        UNTRAINED,
        STUDENT,
        TEACHER
    }

    /** How tokens become one feature. */
    enum Pooling {
        MEAN(Pool.MEAN),
        CLS(Pool.CLASS_TOKEN);

        final Pool pool;

        Pooling(Pool pool) {
            this.pool = pool;
        }
    }

    @Option(
            names = "--of",
            paramLabel = "WHO",
            split = ",",
            description = "pixels, untrained, student, teacher; several with commas")
    List<Subject> subjects;

    @Option(
            names = "--pool",
            paramLabel = "mean|cls",
            description = "mean of the patch tokens, or the class token; default: ${DEFAULT-VALUE}",
            defaultValue = "mean")
    Pooling pooling;

    @Option(names = "--data", paramLabel = "PATH", description = "other images than the run's: as data.path")
    String data;

    @Option(names = "--train", paramLabel = "N", description = "use N labelled images, evenly spaced")
    int train;

    @Option(names = "--test", paramLabel = "N", description = "use N test images, evenly spaced")
    int test;

    @Option(
            names = "--out",
            paramLabel = "FOLDER",
            description = "for summary.json, confusion.png, confusion.csv; default: eval/COMMAND in the run folder")
    Path out;

    Backend backend() throws IOException {
        Config config = config();
        return Devices.open(
                config.text("device"), GemmChoice.of(config.text("device.gemm")), config.flag("device.gemm_timing"));
    }

    @Override
    List<String> settings() {
        List<String> all = super.settings();
        if (data != null) {
            all.add("data.path=" + data);
        }
        return all;
    }

    /** Those asked for, else {@code preset} of those that are there. */
    List<Subject> subjects(List<Subject> preset) throws IOException {
        if (subjects != null) {
            return subjects;
        }
        boolean teacher =
                !Files.isRegularFile(path) && config().text("objective").equals("sdae");
        return preset.stream().filter(s -> s != Subject.TEACHER || teacher).toList();
    }

    Backbone backbone(Subject subject, Backend backend) throws IOException {
        Backbone.Network network = switch (subject) {
            case TEACHER -> Backbone.Network.TEACHER;
            case UNTRAINED -> Backbone.Network.UNTRAINED;
            default -> Backbone.Network.STUDENT;
        };
        return Backbone.open(origin(network), config(), backend, System.out::println);
    }

    /** Opens the images and checks that they have classes. */
    RunData images() throws IOException {
        RunData images = RunData.open(config());
        images.train().requireLabels();
        return images;
    }

    /** Training (true) or test features of a subject; {@code backbone} is null for the pixels. */
    Features features(Backbone backbone, RunData images, boolean training, int preset) throws IOException {
        var source = training ? images.train() : images.test();
        int asked = training ? train : test;
        int limit = asked > 0 ? asked : preset;
        Progress progress = new Progress(System.out);
        Pace pace = new Pace(progress, training ? "training images" : "test images", () -> null)
                .expect(Math.min(limit, source.size()));
        Features features = backbone == null
                ? Features.pixels(config().model(), source, limit, images.normalization(), pace::batch)
                : Features.of(backbone, pooling.pool, source, limit, images.normalization(), pace::batch);
        progress.clear();
        return features;
    }

    /** Says which test images the training part holds too; returns how many. */
    static int warnOfDuplicates(RunData images, Features bank, Features tested) {
        Duplicates twins = Duplicates.between(images.train(), bank, images.test(), tested);
        if (twins.count() > 0) {
            System.out.println(twins.text());
        }
        return twins.count();
    }

    /** The facts that belong beside every number. */
    Map<String, Object> summary(String command, RunData images, Features bank, Features tested, int twins)
            throws IOException {
        Map<String, Object> summary = new LinkedHashMap<>();
        summary.put("command", command);
        summary.put("weights", path.toString());
        summary.put("data", config().text("data.path"));
        summary.put("data_fingerprint", images.whole().fingerprint());
        summary.put("pool", pooling.name().toLowerCase(java.util.Locale.ROOT));
        summary.put("labelled", bank.count());
        summary.put("tested", tested.count());
        summary.put("duplicates_across_splits", twins);
        return summary;
    }

    /** Writes summary and confusion matrix where they were asked for, or beside the run. */
    void write(String command, Map<String, Object> summary, Score score, List<String> classes) throws IOException {
        Path folder = out != null
                ? out
                : Files.isDirectory(path) ? path.resolve("eval").resolve(command) : null;
        if (folder == null) {
            return;
        }
        Disk disk = Disk.real();
        AtomicFolder.createFolders(disk, folder.toAbsolutePath());
        Json.write(disk, folder.resolve("summary.json"), summary);
        if (score != null) {
            Classes.write(folder, score, classes);
        }
        System.out.println("written: " + folder);
    }
}
