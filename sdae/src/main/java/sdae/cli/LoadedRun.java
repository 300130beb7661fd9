package sdae.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import sdae.config.Config;
import sdae.data.RunData;
import sdae.io.CheckpointStore;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.model.SdaeModel;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.weights.WeightsFile;

/** A run's last good checkpoint, ready to look at images with. */
record LoadedRun(Config config, RunData data, Backend backend, SdaeModel model, long step) implements AutoCloseable {

    /** On the CPU. */
    static LoadedRun open(Path folder) throws IOException {
        Path file = folder.resolve("config.yaml");
        if (!Files.exists(file)) {
            throw new UserError(ExitCode.CONFIG, folder + " is no run folder, it has no config.yaml");
        }
        Config config = Config.load(file, null, List.of());
        if (config.classifies()) {
            throw new UserError(ExitCode.CONFIG, folder + " is a fine-tuning, which has no student to look at");
        }
        CheckpointStore.Checkpoint last = CheckpointStore.readOnly(folder, System.err::println)
                .latestGood()
                .orElseThrow(() -> new UserError(ExitCode.CHECKPOINT, folder + " has no checkpoint yet"));
        Backend backend = new CpuBackend();
        SdaeModel model = new SdaeModel(backend, config.model(), config.objective(), config.flag("wd.skip_tokens"));
        WeightsFile.load(last.file(WeightsFile.STUDENT), model.student());
        if (model.teacher() != null) {
            WeightsFile.load(last.file(WeightsFile.TEACHER), model.teacher());
        }
        return new LoadedRun(config, RunData.open(config), backend, model, last.step());
    }

    @Override
    public void close() {
        model.close();
        data.close();
    }
}
