package sdae.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import sdae.config.Config;
import sdae.io.CheckpointStore;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.model.SdaeModel;
import sdae.tensor.Backend;
import sdae.tensor.Devices;
import sdae.train.Checkpoints;
import sdae.train.RunData;

/** A run's last good checkpoint, ready to look at images with. */
record LoadedRun(Config config, RunData data, Backend backend, SdaeModel model, long step) implements AutoCloseable {

    /** On the CPU. */
    static LoadedRun open(Path folder) throws IOException {
        return open(folder, "cpu");
    }

    /** {@code device} null: the run's own, the CPU in place of the simulated GPU. */
    static LoadedRun open(Path folder, String device) throws IOException {
        Path file = folder.resolve("config.yaml");
        if (!Files.exists(file)) {
            throw new UserError(ExitCode.CONFIG, folder + " is no run folder, it has no config.yaml");
        }
        Config config = Config.load(file, null, List.of());
        CheckpointStore.Checkpoint last = CheckpointStore.readOnly(folder, System.err::println)
                .latestGood()
                .orElseThrow(() -> new UserError(ExitCode.CHECKPOINT, folder + " has no checkpoint yet"));
        String own = config.text("device").equals("cuda-sim") ? "cpu" : config.text("device");
        Backend backend = Devices.open(device == null ? own : device);
        SdaeModel model = new SdaeModel(backend, config.model(), config.objective(), config.flag("wd.skip_tokens"));
        Checkpoints.load(last.file(Checkpoints.STUDENT), model.student());
        if (model.teacher() != null) {
            Checkpoints.load(last.file(Checkpoints.TEACHER), model.teacher());
        }
        return new LoadedRun(config, RunData.open(config), backend, model, last.step());
    }

    @Override
    public void close() {
        model.close();
        data.close();
    }
}
