package sdae.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Optional;
import picocli.CommandLine.Option;
import sdae.config.Config;
import sdae.data.DataException;
import sdae.data.DataSets;
import sdae.data.ImageSource;
import sdae.data.Normalization;
import sdae.data.RunData;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.weights.StoredWeights;

/** What {@code features} and {@code visualize} have in common: which network looks at which images. */
final class LookOptions extends NetworkOptions {
    /** Which part of a data set that has its own test part. */
    enum Part {
        TRAIN,
        TEST
    }

    @Option(
            names = "--data",
            paramLabel = "PATH",
            description = "an image folder, .tar, .tar.gz, .zip or idx files; default: the run's")
    String data;

    @Option(
            names = "--part",
            paramLabel = "train|test",
            defaultValue = "train",
            description = "of data with a test part of its own, this part; other data is taken whole")
    Part part;

    /** The images to look at. */
    ImageSource images(Config config) {
        String where = data == null ? config.text("data.path") : data;
        if (data == null
                && Files.isRegularFile(path)
                && config.text("data.path").equals(DataSets.FASHION_MNIST)
                && sets.stream().noneMatch(set -> set.startsWith("data.path="))) {
            throw new UserError(ExitCode.CONFIG, path + " is no run folder, so it names no images; give --data");
        }
        if (part == Part.TRAIN) {
            return DataSets.open(where);
        }
        Optional<ImageSource> own = DataSets.openTest(where);
        return own.orElseThrow(() -> new UserError(
                ExitCode.DATA, where + " has no test part of its own; leave --part out to take it whole"));
    }

    /**
     * The pixels' mean and deviation that the network was trained with: as set, as the weights file says, or measured again
     * on the run's images; only if none of these is known, on the images looked at.
     */
    Normalization normalization(Config config, ImageSource images) throws IOException {
        if (!config.text("data.mean").equals("auto") && !config.text("data.std").equals("auto")) {
            return RunData.normalization(config, images);
        }
        if (Files.isRegularFile(path)) {
            try (StoredWeights weights = StoredWeights.open(path, null)) {
                if (weights.facts().normalization() != null) {
                    return weights.facts().normalization();
                }
            }
        } else if (data != null) {
            try (RunData own = RunData.open(config)) {
                return own.normalization();
            } catch (DataException e) {
                System.err.println("the run's own images are not there: " + e.getMessage());
            }
        }
        if (data != null) {
            System.err.println("mean and std of the training images are unknown; those of " + data
                    + " are taken (--set data.mean=... --set data.std=... if you know better)");
        }
        return RunData.normalization(config, images);
    }
}
