package sdae.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import sdae.config.Config;
import sdae.io.ExitCode;
import sdae.io.Progress;
import sdae.io.UserError;
import sdae.train.ProfileTable;
import sdae.train.Run;
import sdae.train.StopSignal;

@Command(
        name = "pretrain",
        mixinStandardHelpOptions = true,
        description = {
            "Pretrains a network and writes a run folder: config, curves, checkpoints, summary, report.",
            "Without arguments: SdAE on Fashion-MNIST, a small network, a few minutes."
        },
        footer = {
            "",
            "Examples:",
            "  sdae pretrain --set data.path=photos --set image.size=64 --set in_chans=3 --set model.patch=8",
            "  sdae pretrain --config my.yaml --set objective=mae",
            "  sdae pretrain --resume runs/sdae-fashion-mnist-1123-1005",
            "",
            "All settings: sdae pretrain --settings"
        })
final class PretrainCommand implements Callable<Integer> {
    @Option(names = "--config", paramLabel = "FILE", description = "settings as YAML")
    private Path file;

    @Option(names = "--preset", paramLabel = "NAME", description = "robust, sdae-official or tiny-sim")
    private String preset;

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "one setting; may be given often")
    private List<String> sets = new ArrayList<>();

    @Option(names = "--device", paramLabel = "NAME", description = "cpu, cuda or cuda-sim")
    private String device;

    @Option(names = "--resume", paramLabel = "RUN", description = "go on with the run in this folder")
    private Path resume;

    @Option(names = "--profile", description = "print time, GFLOP/s and GB/s of every kernel at the end")
    private boolean profile;

    @Option(names = "--settings", description = "list every setting with its default, then end")
    private boolean settings;

    @Override
    public Integer call() throws IOException {
        if (settings) {
            System.out.print(Config.describe());
            return ExitCode.DONE.code();
        }
        if (device != null) {
            sets.add("device=" + device);
        }
        if (profile) {
            sets.add("device.events=true");
        }
        Config config =
                resume == null ? Config.load(file, preset, sets) : RunFolders.resumed(resume, file, preset, sets);
        if (config.classifies()) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "pretrain: objective=classify is fine-tuning: sdae finetune "
                            + (resume == null ? "RUN" : "--resume " + resume));
        }
        Path folder = resume == null ? RunFolders.fresh(config, "pretrain") : resume;
        Progress progress = new Progress(System.out);
        StopSignal stop = new StopSignal();
        Run.Outcome outcome;
        try (Run run = new Run(config, folder, resume != null, progress, stop)) {
            outcome = run.train();
        }
        if (!outcome.finished()) {
            System.out.println("go on with: sdae pretrain --resume " + folder);
            return ExitCode.STOPPED.code();
        }
        if (profile) {
            System.out.print(ProfileTable.of(outcome.folder(), config.text("device")));
        }
        Path report =
                new Reporter(List.of(outcome.folder())).write(outcome.folder().resolve("report.html"));
        closing(config, outcome, report);
        return ExitCode.DONE.code();
    }

    private static void closing(Config config, Run.Outcome outcome, Path report) {
        Map<String, Object> summary = outcome.summary();
        if (summary.get("knn_trained") instanceof Double trained) {
            System.out.printf(
                    Locale.ROOT,
                    "kNN accuracy: raw pixels %.1f %%, %s network %.1f %%, trained network %.1f %%%n",
                    100 * (Double) summary.getOrDefault("knn_raw_pixels", Double.NaN),
                    config.text("student.init").equals("random") ? "untrained" : "starting",
                    100 * (Double) summary.getOrDefault("knn_untrained", Double.NaN),
                    100 * trained);
        }
        System.out.printf(
                Locale.ROOT,
                "%d steps in %s, %.0f images/s, final loss %.4f%n",
                outcome.step(),
                Progress.clock((Double) summary.get("seconds")),
                (Double) summary.get("images_per_s"),
                (Double) summary.get("final_loss"));
        System.out.println("report: " + report.toAbsolutePath());
    }
}
