package sdae.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.study.Study;
import sdae.train.StopSignal;

@Command(
        name = "study",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Trains every arm of a study at every seed, measures what was learned, and writes one table of means, intervals",
            "and differences at equal seeds.",
            "",
            "A cell (an arm at a seed) is a run folder like pretrain's, OUT/ARM/seed-N. Stop the study at any time, by Ctrl-C",
            "or SIGTERM: the same command goes on where it stopped, to the same bits. All arms at the first seed come first.",
            "After every cell study.md, study.csv and spent.csv are written anew. A cell that fails (its loss is not finite,",
            "say) is recorded with the reason, and the study goes on. Changed settings of a cell that has begun are refused."
        },
        footer = {
            "",
            "CONFIG is YAML:",
            "  name: loss-axis",
            "  base: {data.path: cifar, image.size: 32, in_chans: 3, train.epochs: 5}    # settings of every run",
            "  seeds: [1, 2, 3]",
            "  arms:                                     # the first one is what the others are compared with",
            "    channel: {loss.axis: channel}",
            "    token:   {loss.axis: token, preset: robust}",
            "    mae:     {objective: mae, train.epochs: 7}        # so that it takes as long",
            "    scratch: {pretrain: false, finetune: {finetune.layer_decay: 1}}",
            "  probes: [knn, ridge, logistic, finetune]  # default: knn, ridge; of the student and the teacher",
            "  baselines: [pixels, untrained]            # default: both",
            "  finetune: {epochs: 3, finetune.layer_decay: 0.85}   # over finetune's recipe; epochs also sets the warm-up",
            "Later probes, arms and seeds can be added: what is done is not done again.",
            "",
            "Examples:",
            "  sdae study sdae/study/loss-axis.yaml --set data.path=cifar --dry-run",
            "  sdae study sdae/study/loss-axis.yaml --set data.path=cifar --out studies/loss-axis",
            "  sdae study my.yaml --seeds 1 --only mae",
            "",
            "All settings: sdae pretrain --settings. Exit codes: 0 all cells are done, 2 config, 7 some failed,",
            "75 stopped by a signal and saved"
        })
final class StudyCommand implements Callable<Integer> {
    @Parameters(paramLabel = "CONFIG", description = "what to compare, as YAML; see below")
    private Path config;

    @Option(names = "--out", paramLabel = "DIR", description = "for runs and tables; default: studies/NAME")
    private Path out;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "one setting of pretraining over base, under the arms; may be given often")
    private List<String> sets = new ArrayList<>();

    @Option(names = "--device", paramLabel = "NAME", description = "cpu, cuda or cuda-sim")
    private String device;

    @Option(names = "--seeds", paramLabel = "N", description = "the first N seeds only")
    private int seeds;

    @Option(names = "--only", paramLabel = "ARM", split = ",", description = "these arms only")
    private List<String> only = new ArrayList<>();

    @Option(names = "--retry", description = "try failed cells again, from their last checkpoints")
    private boolean retry;

    @Option(names = "--dry-run", description = "check everything, list the cells with their steps, then end")
    private boolean dryRun;

    @Override
    public Integer call() throws IOException {
        if (seeds < 0) {
            throw new UserError(ExitCode.CONFIG, "study: --seeds must be 1 or more, but is " + seeds);
        }
        if (device != null) {
            sets.add("device=" + device);
        }
        Study study = new Study(config, out, new Study.Options(sets, seeds, only, retry), System.out, new StopSignal());
        List<String> plan = study.plan();
        if (dryRun) {
            plan.forEach(System.out::println);
            return ExitCode.DONE.code();
        }
        System.out.println("study of " + plan.size() + " cells in " + study.folder());
        if (!study.run()) {
            System.out.println("stopped; go on with the same command");
            return ExitCode.STOPPED.code();
        }
        System.out.print(study.text());
        System.out.println("written: " + study.folder().resolve("study.md"));
        return study.failed() == 0 ? ExitCode.DONE.code() : ExitCode.NUMERIC.code();
    }
}
