package sdae.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import sdae.config.Config;
import sdae.io.ExitCode;
import sdae.io.UserError;

/** Where runs go, and with which settings they go on. */
final class RunFolders {
    private RunFolders() {}

    /** {@code run.dir}/{@code run.name}, or a name from the objective, the data and the time. */
    static Path fresh(Config config, String command) {
        String name = config.text("run.name");
        if (name.isEmpty()) {
            Path data = Path.of(config.text("data.path")).getFileName();
            name = config.text("objective") + "-" + (data == null ? "data" : data) + "-"
                    + DateTimeFormatter.ofPattern("MMdd-HHmmss").format(LocalDateTime.now(ZoneId.systemDefault()));
        }
        Path folder = Path.of(config.text("run.dir")).resolve(name);
        if (Files.exists(folder.resolve("config.yaml"))) {
            throw new UserError(
                    ExitCode.CONFIG,
                    folder + " holds a run already; take another run.name, or go on with: sdae " + command
                            + " --resume " + folder);
        }
        return folder;
    }

    /** The run's own settings; those given now may change only what does not change the result. */
    static Config resumed(Path run, Path file, String preset, List<String> sets) {
        Path own = run.resolve("config.yaml");
        if (!Files.exists(own)) {
            throw new UserError(ExitCode.CONFIG, "resume: " + run + " is no run folder, it has no config.yaml");
        }
        Config before = Config.load(own, null, List.of());
        Config now = Config.load(own, preset, sets);
        List<String> changed = before.differences(now);
        if (!changed.isEmpty() || file != null) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "resume: a run goes on with its own settings"
                            + (file != null
                                    ? " (leave --config out)"
                                    : ", but these differ: " + String.join("; ", changed)));
        }
        return now;
    }
}
