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
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.weights.Export;
import sdae.weights.Format;
import sdae.weights.Sides;
import sdae.weights.StoredWeights;

@Command(
        name = "export",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Writes the weights of a run, or of a weights file, as safetensors under the",
            "names of timm or Hugging Face.",
            "",
            "timm       timm's VisionTransformer (with class token)",
            "hf-vit     transformers' ViTModel, or ViTForImageClassification if there is",
            "           a head; with config.json",
            "hf-vitmae  ViTMAEModel, or for an MAE run ViTMAEForPreTraining with the",
            "           decoder; with config.json",
            "",
            "Prints what was left out, how pixels must be normalized, and the line of",
            "Python that loads the file. Nothing that is there is overwritten. In f32,",
            "import gives back the same bits.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  sdae export runs/flowers --to timm -o flowers.safetensors",
            "  sdae export runs/flowers --to timm --teacher --dtype bf16 \\",
            "      --image-size 224 -o teacher.safetensors",
            "  sdae export runs/flowers --to hf-vit --head 5 -o flowers-hf"
        })
final class ExportCommand implements Callable<Integer> {
    /** What weights are stored as. */
    enum Precision {
        F32,
        BF16
    }

    @Parameters(
            paramLabel = "RUN|FILE",
            converter = Words.OfNetwork.class,
            description = "a run folder, or weights of any of these names: a safetensors file, or a folder with one")
    private Path from;

    @Option(
            names = "--to",
            required = true,
            paramLabel = "NAMES",
            converter = Words.OfFormat.class,
            description = "timm, hf-vit or hf-vitmae")
    private Format to;

    @Option(
            names = {"-o", "--out"},
            required = true,
            paramLabel = "OUT",
            description = "a .safetensors file, or a folder for model.safetensors")
    private Path out;

    @Option(names = "--student", description = "of a run, the student; this is the default")
    private boolean student;

    @Option(names = "--teacher", description = "of a run, the teacher")
    private boolean teacher;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            defaultValue = "f32",
            description = "f32, or bf16 (rounded to nearest even); default f32")
    private Precision dtype;

    @Option(
            names = "--image-size",
            paramLabel = "HxW",
            converter = Words.OfSides.class,
            description = "resize the position table for images of this size, bicubic; one number is a square")
    private Sides imageSize;

    @Option(
            names = "--head",
            paramLabel = "N",
            defaultValue = "-1",
            description = "give the head N classes: kept if it has as many, else a fresh one; 0: no head")
    private int head;

    @Option(names = "--decoder", description = "timm: keep the decoder, under the names of MAE's code")
    private boolean decoder;

    @Option(
            names = "--strict",
            paramLabel = "true|false",
            arity = "1",
            defaultValue = "true",
            description = "false: leave out what does not fit and say so; default: an error that lists it")
    private boolean strict;

    @Mixin
    private FactOptions given;

    @Override
    public Integer call() throws IOException {
        if (to == null) {
            throw new UserError(ExitCode.CONFIG, "export: --to must be timm, hf-vit or hf-vitmae, but is auto");
        }
        if (student && teacher) {
            throw new UserError(ExitCode.CONFIG, "export: --student and --teacher exclude each other");
        }
        RunWeights run = Files.isDirectory(from) ? RunWeights.of(from, teacher) : RunWeights.file(from);
        try (StoredWeights weights = StoredWeights.open(run.file(), null)) {
            List<String> lines = new Export(to, dtype == Precision.BF16, imageSize, head, decoder, strict)
                    .write(weights, given.facts().or(run.facts()), out);
            lines.forEach(System.out::println);
        }
        return ExitCode.DONE.code();
    }
}
