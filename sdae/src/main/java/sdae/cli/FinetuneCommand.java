package sdae.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import sdae.config.Config;
import sdae.eval.Backbone;
import sdae.io.ExitCode;
import sdae.io.Progress;
import sdae.io.UserError;
import sdae.train.FinetuneSettings;
import sdae.train.Run;
import sdae.train.StopSignal;

@Command(
        name = "finetune",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Trains all weights of a pretrained network and a new head on labelled images, and tests it.",
            "Sizes, images and normalisation are the run's; the recipe is main_finetune's: layer decay .65, mean of the patch",
            "tokens, mixup, cutmix, RandAugment, random erasing, label smoothing, drop path. The result is a run folder like",
            "pretrain's, with confusion.png and confusion.csv. The accuracy of the last epoch counts: the test images choose",
            "nothing."
        },
        footer = {
            "",
            "Examples:",
            "  sdae finetune runs/my-run --epochs 20",
            "  sdae finetune runs/my-run --epochs 20 --from-scratch      the same recipe on the untrained network",
            "  sdae finetune runs/my-run --network teacher --set finetune.pool=cls --set optim.blr=1e-3",
            "  sdae finetune runs/my-run --set image.size=48             another resolution: positions are resized",
            "  sdae finetune vit.safetensors --set data.path=photos --strict false",
            "  sdae finetune --resume runs/classify-photos-1123-1005",
            "",
            "All settings: sdae pretrain --settings (those named finetune.* are for this command)"
        })
final class FinetuneCommand implements Callable<Integer> {
    @Parameters(
            arity = "0..1",
            paramLabel = "RUN|FILE",
            converter = Words.OfNetwork.class,
            description =
                    "a run folder, or weights by the names of timm or Hugging Face: a safetensors file, or a folder"
                            + " with model.safetensors")
    private Path from;

    @Option(names = "--from-scratch", description = "take only the sizes and images of RUN: the supervised baseline")
    private boolean scratch;

    @Option(names = "--network", paramLabel = "student|teacher", description = "which network; default: student")
    private String network;

    @Option(
            names = "--epochs",
            paramLabel = "N",
            description = "train.epochs, and a twentieth of it as warm-up; default: 100 and 5")
    private Double epochs;

    @Option(names = "--config", paramLabel = "FILE", description = "settings as YAML, over the run's and the recipe's")
    private Path file;

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "one setting; may be given often")
    private List<String> sets = new ArrayList<>();

    @Option(names = "--device", paramLabel = "NAME", description = "cpu, cuda or cuda-sim; default: the run's")
    private String device;

    @Option(
            names = "--strict",
            paramLabel = "true|false",
            arity = "1",
            description = "false: load what fits of the weights and say what does not; default: true")
    private String strict;

    @Option(names = "--resume", paramLabel = "RUN", description = "go on with the fine-tuning in this folder")
    private Path resume;

    @Override
    public Integer call() throws IOException {
        if ((from == null) == (resume == null)) {
            throw new UserError(ExitCode.CONFIG, "finetune: name a run folder or weights file, or --resume a run");
        }
        List<String> given = given();
        Config config = resume == null ? fresh(given) : RunFolders.resumed(resume, file, null, given);
        if (!config.classifies()) {
            throw new UserError(
                    ExitCode.CONFIG,
                    resume == null
                            ? "finetune: objective must be classify, but is " + config.text("objective")
                            : "finetune: " + resume + " is a pretraining run; go on with: sdae pretrain --resume "
                                    + resume);
        }
        Path folder = resume == null ? RunFolders.fresh(config, "finetune") : resume;
        Progress progress = new Progress(System.out);
        Run.Outcome outcome;
        try (Run run = new Run(config, folder, resume != null, progress, new StopSignal())) {
            outcome = run.train();
        }
        if (!outcome.finished()) {
            System.out.println("go on with: sdae finetune --resume " + folder);
            return ExitCode.STOPPED.code();
        }
        if (outcome.summary().get("top1") instanceof Double top1) {
            double[] ends = (double[]) outcome.summary().get("top1_interval95");
            System.out.printf(
                    Locale.ROOT,
                    "test accuracy %.2f %%, 95 %% interval [%.2f, %.2f]; top-5 %.2f %%%n",
                    100 * top1,
                    100 * ends[0],
                    100 * ends[1],
                    100 * (Double) outcome.summary().get("top5"));
        }
        System.out.println("run: " + outcome.folder().toAbsolutePath());
        return ExitCode.DONE.code();
    }

    private List<String> given() {
        List<String> given = new ArrayList<>();
        if (epochs != null) {
            given.addAll(FinetuneSettings.epochs(epochs));
        }
        if (device != null) {
            given.add("device=" + device);
        }
        if (network != null) {
            given.add("finetune.network=" + network);
        }
        if (strict != null) {
            given.add("finetune.strict=" + strict);
        }
        given.addAll(sets);
        return given;
    }

    private Config fresh(List<String> given) throws IOException {
        List<String> heads =
                given.stream().filter(set -> set.startsWith("model.heads=")).toList();
        Config source = new Backbone.Origin(from, Backbone.Network.STUDENT, heads, true).config();
        boolean weights = !scratch;
        if (weights && Files.isDirectory(from) && source.classifies()) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "finetune: " + from + " is a fine-tuning itself; go on with --resume " + from
                            + ", or name its checkpoint's classifier.safetensors");
        }
        List<String> inherited = FinetuneSettings.inherited(source, weights ? from.toString() : "scratch");
        return Config.load(inherited, file, "finetune", given);
    }
}
