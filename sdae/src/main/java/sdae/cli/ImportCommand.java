package sdae.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import sdae.config.Config;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.model.ModelSpec;
import sdae.weights.Format;
import sdae.weights.Import;
import sdae.weights.Sides;
import sdae.weights.StoredWeights;

@Command(
        name = "import",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Brings weights of timm, of MAE's code or of Hugging Face (ViT, ViTMAE) into a",
            "run folder of no steps, which knn, linear, finetune, features and visualize",
            "take like any other. Its student.safetensors also serves as",
            "teacher.init=checkpoint:FILE. The config.json beside Hugging Face's weights is",
            "read for heads, sizes and pixels.",
            "",
            "Tensors that are missing, unknown or of another shape are an error that lists",
            "them. With --strict false what fits is taken, what is left is said, and the",
            "gaps get initial values.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  sdae import vit_base_patch16_224.safetensors -o runs/timm-base",
            "  sdae import vit-mae-base/model.safetensors -o runs/mae-base \\",
            "      --image-size 96x128",
            "  sdae knn runs/timm-base --data flowers.tar"
        })
final class ImportCommand implements Callable<Integer> {
    @Parameters(paramLabel = "FILE", description = "a safetensors file, or a folder with model.safetensors")
    private Path from;

    @Option(
            names = {"-o", "--out"},
            required = true,
            paramLabel = "DIR",
            description = "the folder to make")
    private Path out;

    @Option(
            names = "--from",
            paramLabel = "NAMES",
            converter = Words.OfFormat.class,
            description = "timm, hf-vit or hf-vitmae; default auto: known by the names")
    private Format format;

    @Option(
            names = "--image-size",
            paramLabel = "HxW",
            converter = Words.OfSides.class,
            description = "resize the position tables for images of this size, bicubic; one number is a square")
    private Sides imageSize;

    @Option(
            names = "--head",
            paramLabel = "N",
            defaultValue = "0",
            description = "keep a head of N classes, or make a fresh one; default 0: no head")
    private int head;

    @Option(
            names = "--like",
            paramLabel = "RUN|CONFIG",
            description = "the weights must be of this run's network; only the position table is resized")
    private Path like;

    @Option(
            names = "--strict",
            paramLabel = "true|false",
            arity = "1",
            defaultValue = "true",
            description = "false: take what fits and say what is left; default: an error that lists it")
    private boolean strict;

    @Mixin
    private FactOptions given;

    @Override
    public Integer call() throws IOException {
        if (head < 0) {
            throw new UserError(ExitCode.CONFIG, "import: --head must be 0 or more, but is " + head);
        }
        if (like != null && imageSize != null) {
            throw new UserError(ExitCode.CONFIG, "import: --like says the image size; leave --image-size out");
        }
        Path file = Files.isDirectory(from) ? from.resolve("model.safetensors") : from;
        try (StoredWeights weights = StoredWeights.open(file, format)) {
            List<String> lines = new Import(imageSize, head, like == null ? null : spec(), strict)
                    .write(weights, given.facts(), out);
            lines.forEach(System.out::println);
        }
        return ExitCode.DONE.code();
    }

    private ModelSpec spec() {
        Path config = Files.isDirectory(like) ? like.resolve("config.yaml") : like;
        if (!Files.exists(config)) {
            throw new UserError(ExitCode.CONFIG, "import: --like " + like + " is neither a run folder nor a config");
        }
        return Config.load(config, null, List.of()).model();
    }
}
