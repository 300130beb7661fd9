package sdae.cli;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import sdae.cli.EvalOptions.Subject;
import sdae.data.RunData;
import sdae.eval.Backbone;
import sdae.eval.Features;
import sdae.eval.LinearHeads;
import sdae.eval.LinearProbe;
import sdae.eval.Logistic;
import sdae.eval.Ridge;
import sdae.eval.Score;
import sdae.io.ExitCode;
import sdae.io.Progress;
import sdae.io.UserError;
import sdae.tensor.Backend;

@Command(
        name = "linear",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Trains a linear classifier on frozen features and tests it: how much of the classes a plane can tell apart.",
            "Batch norm without gain and shift, then one linear layer; several learning rates are trained side by side on the",
            "same batches. A tenth of the training images (by the hash of their names) chooses the rate; the test images have",
            "no say in it. Accuracy with its 95 %% Wilson interval."
        },
        footer = {
            "",
            "Which features: --cached true computes the features of whole images once, and every epoch runs over them: seconds",
            "on a CPU. --cached false computes them anew on random crops in every epoch, as MAE's published probe does: the",
            "price is epochs x images forward passes. The default is true on cpu and cuda-sim, false on cuda.",
            "",
            "Examples:",
            "  sdae linear runs/my-run                              all images, LARS, 90 epochs, student and teacher",
            "  sdae linear runs/my-run --quick                      ridge regression in closed form: no training at all",
            "  sdae linear runs/my-run --quick --solver logistic    logistic regression to its optimum: some seconds more",
            "  sdae linear runs/my-run --of teacher --recipe adamw --lr 1e-3,1e-2 --epochs 30",
            "  sdae linear vit.safetensors --data photos --pool cls"
        })
final class LinearCommand implements Callable<Integer> {
    @Mixin
    private EvalOptions options;

    /** What the quick probe solves. */
    enum Solver {
        RIDGE,
        LOGISTIC
    }

    @Option(
            names = "--quick",
            description = "solve for the best plane on cached features instead of training; see --solver")
    private boolean quick;

    @Option(
            names = "--solver",
            paramLabel = "ridge|logistic",
            defaultValue = "ridge",
            description = "of --quick: ridge regression in closed form, or logistic regression by L-BFGS to its optimum"
                    + " (the loss of training, but without its luck); default: ${DEFAULT-VALUE}")
    private Solver solver;

    @Option(
            names = "--recipe",
            paramLabel = "lars|adamw",
            description = "MAE's optimizer, or one that asks for less luck with the rate; default: ${DEFAULT-VALUE}",
            defaultValue = "lars")
    private LinearHeads.Recipe recipe;

    @Option(
            names = "--lr",
            paramLabel = "RATE",
            split = ",",
            description = "base rates, times batch / 256; default: lars .1,.3,1,3,10, adamw 3e-4,1e-3,3e-3,1e-2,3e-2."
                    + " With one rate there is nothing to choose, and all training images are learned from")
    private double[] rates;

    @Option(names = "--epochs", paramLabel = "N", defaultValue = "90", description = "default: ${DEFAULT-VALUE}")
    private double epochs;

    @Option(
            names = "--warmup",
            paramLabel = "N",
            defaultValue = "10",
            description = "epochs of linear warm-up, at most a fifth of all; default: ${DEFAULT-VALUE}")
    private double warmup;

    @Option(names = "--batch", paramLabel = "N", defaultValue = "256", description = "default: ${DEFAULT-VALUE}")
    private int batch;

    @Option(names = "--weight-decay", paramLabel = "W", defaultValue = "0", description = "default: ${DEFAULT-VALUE}")
    private double weightDecay;

    @Option(names = "--seed", paramLabel = "N", defaultValue = "0", description = "default: ${DEFAULT-VALUE}")
    private long seed;

    @Option(
            names = "--cached",
            paramLabel = "true|false",
            arity = "1",
            description = "features once, or on new crops in every epoch; see below")
    private Boolean cached;

    @Option(names = "--classes", description = "also the table by class, of the last subject")
    private boolean table;

    @Override
    public Integer call() throws IOException {
        var config = options.config();
        LinearProbe.Settings settings = settings();
        boolean once = cached != null ? cached : !config.text("device").equals("cuda");
        Backend backend = options.backend();
        Progress progress = new Progress(System.out);
        try (RunData images = options.images()) {
            List<String> classes = images.train().classes();
            List<Object> rows = new ArrayList<>();
            Score last = null;
            Map<String, Object> summary = null;
            for (Subject subject : options.subjects(List.of(Subject.STUDENT, Subject.TEACHER))) {
                try (Backbone backbone = subject == Subject.PIXELS ? null : options.backbone(subject, backend)) {
                    Features train = options.features(backbone, images, true, Integer.MAX_VALUE);
                    Features test = options.features(backbone, images, false, Integer.MAX_VALUE);
                    if (summary == null) {
                        describe(train, test, once || quick);
                        int twins = EvalOptions.warnOfDuplicates(images, train, test);
                        summary = options.summary("linear", images, train, test, twins);
                    }
                    if (quick) {
                        last = solver == Solver.RIDGE
                                ? ridge(subject, images, train, test, classes.size(), rows)
                                : logistic(subject, images, train, test, classes.size(), rows);
                    } else {
                        var result = once || backbone == null
                                ? LinearProbe.cached(
                                        backend, images.train(), train, test, classes.size(), settings, progress)
                                : LinearProbe.augmented(
                                        backbone,
                                        options.pooling.pool,
                                        images.train(),
                                        train,
                                        test,
                                        classes.size(),
                                        images.normalization(),
                                        config.integer("data.workers"),
                                        settings,
                                        progress);
                        last = print(subject, result, progress, rows);
                    }
                }
            }
            if (table) {
                System.out.print(last.table(classes));
            }
            summary.put("recipe", quick ? word(solver) : word(recipe));
            if (!quick) {
                summary.put("epochs", epochs);
                summary.put("batch", batch);
                summary.put("cached", once);
                summary.put("seed", seed);
            }
            summary.put("results", rows);
            options.write(
                    quick ? solver == Solver.RIDGE ? "linear-quick" : "linear-logistic" : "linear",
                    summary,
                    last,
                    classes);
        }
        return ExitCode.DONE.code();
    }

    private LinearProbe.Settings settings() {
        double[] chosen = rates != null ? rates : LinearProbe.Settings.rates(recipe);
        for (double rate : chosen) {
            if (!(rate > 0 && rate < 1e6)) {
                throw new UserError(ExitCode.CONFIG, "linear: --lr must be above 0, but is " + rate);
            }
        }
        if (!(epochs > 0 && epochs < 1e6 && warmup >= 0) || batch < 2 || !(weightDecay >= 0)) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "linear: --epochs must be above 0, --warmup and --weight-decay 0 or more, --batch 2 or more, but are "
                            + epochs + ", " + warmup + ", " + weightDecay + ", " + batch);
        }
        return new LinearProbe.Settings(recipe, chosen, batch, epochs, warmup, weightDecay, seed);
    }

    private void describe(Features train, Features test, boolean once) {
        System.out.printf(
                Locale.ROOT,
                "%d training images, %d test images; %s%n",
                train.count(),
                test.count(),
                once
                        ? "features of whole images, computed once (--cached true: seconds instead of epochs x images"
                                + " forward passes)"
                        : "features on random crops, computed anew in every epoch (--cached false)");
    }

    private static Score ridge(
            Subject subject, RunData images, Features train, Features test, int classes, List<Object> rows) {
        Ridge.Result result = Ridge.run(images.train(), train, test, classes);
        return solved(subject, "ridge", result.lambda(), result.validation(), result.test(), rows);
    }

    private static Score logistic(
            Subject subject, RunData images, Features train, Features test, int classes, List<Object> rows) {
        Logistic.Result result = Logistic.run(images.train(), train, test, classes);
        if (!result.converged()) {
            System.out.println("  warning: L-BFGS stopped before its optimum");
        }
        return solved(subject, "logistic", result.lambda(), result.validation(), result.test(), rows);
    }

    private static Score solved(
            Subject subject, String solver, double lambda, Score validation, Score test, List<Object> rows) {
        Map<String, Object> row = row(subject, test);
        row.put("lambda", lambda);
        row.put("validation", validation.json());
        rows.add(row);
        System.out.printf(
                Locale.ROOT,
                "  %-10s %s, lambda %.4g chosen at %.2f %% on validation: test %s, top-5 %.2f %%%n",
                word(subject),
                solver,
                lambda,
                100 * validation.top1(),
                test.text(),
                100 * test.top5());
        return test;
    }

    private static String word(Enum<?> word) {
        return word.name().toLowerCase(Locale.ROOT);
    }

    private static Score print(Subject subject, LinearProbe.Result result, Progress progress, List<Object> rows) {
        progress.say(subject.name().toLowerCase(Locale.ROOT) + ":");
        List<Object> heads = new ArrayList<>();
        for (int h = 0; h < result.heads().size(); h++) {
            LinearProbe.Head head = result.heads().get(h);
            progress.say(String.format(
                    Locale.ROOT,
                    "  base rate %-8.4g loss %.4f%s  test %s, top-5 %.2f %%%s",
                    head.baseRate(),
                    head.loss(),
                    head.validation() == null
                            ? ""
                            : String.format(
                                    Locale.ROOT,
                                    "  validation %.2f %%",
                                    100 * head.validation().top1()),
                    head.test().text(),
                    100 * head.test().top5(),
                    h == result.chosen() && result.heads().size() > 1 ? "  <- chosen on validation" : ""));
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("base_rate", head.baseRate());
            one.put(
                    "validation_top1",
                    head.validation() == null ? null : head.validation().top1());
            one.put("test_top1", head.test().top1());
            heads.add(one);
        }
        if (result.heads().size() > 1
                && (result.chosen() == 0 || result.chosen() == result.heads().size() - 1)) {
            progress.say("  the chosen rate is the last one tried on that side; --lr can go further");
        }
        Map<String, Object> row = row(subject, result.best().test());
        row.put("base_rate", result.best().baseRate());
        row.put("heads", heads);
        rows.add(row);
        return result.best().test();
    }

    private static Map<String, Object> row(Subject subject, Score score) {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("of", subject.name().toLowerCase(Locale.ROOT));
        row.putAll(score.json());
        return row;
    }
}
