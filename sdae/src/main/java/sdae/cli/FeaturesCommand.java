package sdae.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import sdae.config.Config;
import sdae.data.ImageSource;
import sdae.eval.Backbone;
import sdae.io.ExitCode;
import sdae.io.Pace;
import sdae.io.Progress;
import sdae.io.UserError;
import sdae.look.FeatureFile;
import sdae.look.FeatureStream;
import sdae.look.Tokens;
import sdae.weights.Output;

@Command(
        name = "features",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Writes the features of every image of a folder or archive, with file names.",
            "",
            "OUT.npy          NumPy, float32 [images, width]; names in OUT.npy.names.csv",
            "OUT.safetensors  features, labels, names (a JSON list in bytes)",
            "OUT.csv          name, class, values",
            "",
            "Images are resized to cover the input and cropped at the centre. Any number of",
            "them fits: one batch at a time is in memory. Rows are in the byte order of the",
            "names, and the same bits for any --batch and any number of threads.",
            ""
        },
        footer = {
            "",
            "Examples:",
            "  sdae features runs/flowers --data photos/ -o photos.npy",
            "  sdae features runs/flowers --of teacher --pool tokens -o all.safetensors",
            "  python3 -c 'import numpy; print(numpy.load(\"photos.npy\").shape)'"
        })
final class FeaturesCommand implements Callable<Integer> {
    @Mixin
    private LookOptions look;

    @Option(
            names = {"-o", "--out"},
            required = true,
            paramLabel = "OUT",
            description = "file that ends in .npy, .safetensors or .csv")
    private Path out;

    @Option(
            names = "--of",
            paramLabel = "WHO",
            defaultValue = "student",
            description = "student, teacher or untrained; default: ${DEFAULT-VALUE}")
    private Backbone.Network network;

    @Option(
            names = "--pool",
            paramLabel = "WHAT",
            defaultValue = "mean",
            description = "mean of the patch tokens, cls (class token), or tokens (all, class token first);"
                    + " default: ${DEFAULT-VALUE}")
    private Tokens tokens;

    @Option(
            names = "--batch",
            paramLabel = "N",
            defaultValue = "32",
            description = "images a forward pass; default: ${DEFAULT-VALUE}")
    private int batch;

    @Option(names = "--skip-bad", description = "a broken image gets a row of NaN and a line; default: an error")
    private boolean skipBad;

    @Override
    public Integer call() throws IOException {
        if (batch < 1 || batch > 1 << 16) {
            throw new UserError(ExitCode.CONFIG, "features: --batch must be 1 to 65536, but is " + batch);
        }
        if (!FeatureFile.knows(out)) {
            throw new UserError(ExitCode.CONFIG, "features: -o must end in .npy, .safetensors or .csv, but is " + out);
        }
        Output.mustNotExist(out);
        Config config = look.config();
        long start = System.nanoTime();
        Progress progress = new Progress(System.err); // what is broken is said there too
        try (Backbone backbone = Backbone.open(look.origin(network), progress::say);
                ImageSource images = look.images(config);
                FeatureStream stream = new FeatureStream(
                        backbone,
                        images,
                        look.normalization(config, images),
                        tokens,
                        batch,
                        skipBad ? progress::say : null)) {
            stream.onBatch(new Pace(progress, "images", () -> null).expect(images.size())::batch);
            FeatureFile.write(stream, out);
            progress.clear();
            System.out.printf(
                    Locale.ROOT,
                    "wrote %s: %d images x %s float32%s, %.1f s%n",
                    out,
                    images.size(),
                    Arrays.toString(stream.shape()),
                    stream.bad() > 0 ? ", " + stream.bad() + " broken ones as NaN" : "",
                    (System.nanoTime() - start) / 1e9);
        }
        return ExitCode.DONE.code();
    }
}
