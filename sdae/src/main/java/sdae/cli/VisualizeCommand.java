package sdae.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import sdae.config.Config;
import sdae.data.ImageSource;
import sdae.data.Normalization;
import sdae.eval.Backbone;
import sdae.io.AtomicFolder;
import sdae.io.Disk;
import sdae.io.ExitCode;
import sdae.io.SafetensorsReader;
import sdae.io.UserError;
import sdae.look.EncoderFigures;
import sdae.look.Looked;
import sdae.look.TrainingFigures;
import sdae.model.SdaeModel;
import sdae.report.Figure;
import sdae.report.PicturePage;
import sdae.report.Pictures;
import sdae.report.Sheet;
import sdae.tensor.Backend;
import sdae.tensor.Devices;
import sdae.weights.Output;
import sdae.weights.WeightsFile;

@Command(
        name = "visualize",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Draws what a network sees: the class token's attention by head, the patch",
            "features' principal components as colours, nearest images and patches. Of a",
            "run also its masks and folds, and how near the student's predictions come to",
            "the teacher's targets (SdAE) or to the pixels (MAE).",
            "",
            "DIR gets a PNG file each, and index.html with all of them and how to read them.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  sdae visualize runs/flowers",
            "  sdae visualize runs/flowers --of teacher --data photos/ --block 2 -o pictures"
        })
final class VisualizeCommand implements Callable<Integer> {
    /** Images whose mean token of a place is taken away. */
    private static final int MEAN_OF = 128;

    @Mixin
    private LookOptions look;

    @Option(
            names = {"-o", "--out"},
            paramLabel = "DIR",
            description = "the folder to make; default: pictures in the run folder")
    private Path out;

    @Option(
            names = "--of",
            paramLabel = "WHO",
            defaultValue = "student",
            description = "whose attention and neighbours: student, teacher or untrained; default: ${DEFAULT-VALUE}")
    private Backbone.Network network;

    @Option(
            names = "--images",
            paramLabel = "N",
            defaultValue = "8",
            description = "images to draw, evenly spaced over the data; default: ${DEFAULT-VALUE}")
    private int count;

    @Option(
            names = "--bank",
            paramLabel = "N",
            defaultValue = "2000",
            description = "images to look for neighbours in; default: ${DEFAULT-VALUE}")
    private int bankSize;

    @Option(names = "--neighbours", paramLabel = "K", defaultValue = "4", description = "default: ${DEFAULT-VALUE}")
    private int neighbours;

    @Option(
            names = "--block",
            paramLabel = "N",
            description = "the block whose attention is drawn, from 1; default: last")
    private int block;

    @Override
    public Integer call() throws IOException {
        if (count < 1 || count > 64 || bankSize < 2 || neighbours < 1 || neighbours > 32) {
            throw new UserError(
                    ExitCode.CONFIG, "visualize: --images must be 1 to 64, --bank 2 or more, --neighbours 1 to 32");
        }
        if (out == null && !Files.isDirectory(look.path)) {
            throw new UserError(
                    ExitCode.CONFIG, "visualize: a weights file has no run folder; name one to make with -o");
        }
        out = out == null ? look.path.resolve("pictures") : out;
        Output.mustNotExist(out);
        Config config = look.config();
        int depth = config.model().depth();
        if (block < 0 || block > depth) {
            throw new UserError(ExitCode.CONFIG, "visualize: --block must be 1 to " + depth + ", but is " + block);
        }
        Backend backend = Devices.open(config.text("device"));
        List<Figure> figures = new ArrayList<>();
        List<String> facts = new ArrayList<>();
        try (ImageSource images = look.images(config);
                Backbone backbone = open(config, network, backend)) {
            Normalization normalization = look.normalization(config, images);
            Looked looked = Looked.of(images, images.evenly(count), config.model(), normalization);
            if (Files.isDirectory(look.path)) {
                ofTraining(config, backend, looked, figures);
            }
            EncoderFigures encoder = new EncoderFigures(backbone, word(network), looked);
            figures.add(encoder.attention(block == 0 ? depth - 1 : block - 1));
            figures.add(components(config, backend, looked, encoder, images));
            int[] bank = images.evenly(bankSize);
            if (bank.length > looked.ids().length) {
                figures.add(encoder.nearestImages(images, bank, neighbours));
                figures.add(encoder.nearestPatches(images, bank, neighbours));
            }
            facts.add(String.format(
                    Locale.ROOT,
                    "%d of %d images%s%s; %d x %d patches, %d wide, %d blocks",
                    looked.ids().length,
                    images.size(),
                    look.data == null ? "" : " of " + look.data,
                    backbone.step() >= 0 ? "; after step " + backbone.step() : "",
                    config.model().gridRows(),
                    config.model().gridCols(),
                    config.model().width(),
                    depth));
        }
        write(facts, figures);
        return ExitCode.DONE.code();
    }

    private Backbone open(Config config, Backbone.Network which, Backend backend) throws IOException {
        return Backbone.open(look.origin(which), config, backend, System.out::println);
    }

    private static String word(Backbone.Network network) {
        return network.name().toLowerCase(Locale.ROOT);
    }

    /** Masks and predictions need the decoder, and SdAE's the teacher: an imported run may have neither. */
    private void ofTraining(Config config, Backend backend, Looked looked, List<Figure> figures) throws IOException {
        Path student = RunWeights.checkpoint(look.path, WeightsFile.STUDENT);
        Path teacher = RunWeights.checkpoint(look.path, WeightsFile.TEACHER);
        boolean decodes;
        try (SafetensorsReader reader = SafetensorsReader.open(student)) {
            decodes = reader.has("decoder_pred.weight");
        }
        try (SdaeModel model = new SdaeModel(
                backend, config.model(), config.objective(), config.flag("wd.skip_tokens"), config.dtype())) {
            if (!decodes || model.teacher() != null && !Files.exists(teacher)) {
                System.out.println("no pictures of masks and predictions: " + look.path + " has no "
                        + (decodes ? "teacher" : "decoder"));
                return;
            }
            WeightsFile.load(student, model.student());
            if (model.teacher() != null) {
                WeightsFile.load(teacher, model.teacher());
            }
            figures.addAll(new TrainingFigures(config, model, backend, looked).figures());
        }
    }

    /** The chosen network, and beside it the untrained one and the teacher where there is one. */
    private Figure components(Config config, Backend backend, Looked looked, EncoderFigures chosen, ImageSource images)
            throws IOException {
        List<Sheet.Row> rows = new ArrayList<>(List.of(looked.row("image")));
        rows.add(chosen.components());
        rows.add(chosen.componentsOfContent(images, images.evenly(MEAN_OF)));
        for (Backbone.Network other : Backbone.Network.values()) {
            boolean there = other != network
                    && Files.isDirectory(look.path)
                    && (other == Backbone.Network.UNTRAINED
                            || Files.exists(RunWeights.checkpoint(
                                    look.path,
                                    other == Backbone.Network.TEACHER ? WeightsFile.TEACHER : WeightsFile.STUDENT)));
            if (there) {
                try (Backbone backbone = open(config, other, backend)) {
                    rows.add(new EncoderFigures(backbone, word(other), looked).components());
                }
            }
        }
        return new Figure(
                "Patch features as colours",
                "The three strongest principal components of the patch features of all these images as red, green and blue,"
                        + " each row by itself: within a row, patches of one colour have like features. Trained features tell mostly where a"
                        + " patch is; without the mean token of its place, taken over " + MEAN_OF
                        + " images or all, they show what is there.",
                new Sheet(rows),
                "images and colour maps of their patch features");
    }

    private void write(List<String> facts, List<Figure> figures) throws IOException {
        Disk disk = Disk.real();
        AtomicFolder.createFolders(disk, out);
        for (int i = 0; i < figures.size(); i++) {
            String name = figures.get(i).title().toLowerCase(Locale.ROOT).replaceAll("[^a-z]+", "-");
            Path file = out.resolve(i + 1 + "-" + name + ".png");
            AtomicFolder.writeFile(
                    disk, file, Pictures.png(figures.get(i).sheet().picture()));
            System.out.println(file);
        }
        Path page = out.resolve("index.html");
        PicturePage.write(page, String.valueOf(look.path.getFileName()), facts, figures);
        System.out.println(page);
    }
}
