package sdae.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import sdae.config.Config;
import sdae.data.DataException;
import sdae.data.Normalization;
import sdae.data.RunData;
import sdae.io.CheckpointStore;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.weights.Facts;
import sdae.weights.WeightsFile;

/** A weights file and what is known about it besides: of a run, all that its settings say. */
record RunWeights(Path file, Facts facts) {

    static RunWeights file(Path file) {
        return new RunWeights(file, Facts.NONE);
    }

    /** The newest good checkpoint of a run. */
    static RunWeights of(Path run, boolean teacher) throws IOException {
        Path settings = run.resolve("config.yaml");
        if (!Files.exists(settings)) {
            throw new UserError(ExitCode.CONFIG, run + " is no run folder, it has no config.yaml");
        }
        Config config = Config.load(settings, null, List.of());
        String network = teacher ? WeightsFile.TEACHER : WeightsFile.STUDENT;
        Path file = checkpoint(run, config.classifies() && !teacher ? WeightsFile.CLASSIFIER : network);
        if (!Files.exists(file)) {
            throw new UserError(ExitCode.CHECKPOINT, run + " has no teacher; leave --teacher out");
        }
        return new RunWeights(file, Facts.of(config, normalization(config)));
    }

    /** That file of the newest good checkpoint of a run; it need not exist. */
    static Path checkpoint(Path run, String name) throws IOException {
        return CheckpointStore.readOnly(run, System.err::println)
                .latestGood()
                .orElseThrow(() -> new UserError(ExitCode.CHECKPOINT, run + " has no checkpoint yet"))
                .file(name);
    }

    /** As set, or measured on the run's images; null where those are gone. */
    private static Normalization normalization(Config config) {
        try (RunData data = RunData.open(config)) {
            return data.normalization();
        } catch (DataException e) {
            System.err.println("the run's images are not there, so their mean and std are unknown: " + e.getMessage());
            return null;
        }
    }
}
