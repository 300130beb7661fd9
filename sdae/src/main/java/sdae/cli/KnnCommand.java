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
import sdae.eval.Knn;
import sdae.eval.Score;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.tensor.Backend;

@Command(
        name = "knn",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        description = {
            "Classifies the test images by the nearest training images in feature space.",
            "Nothing is trained, so this is the quickest question to ask of features, and the strictest: it wants classes to",
            "lie together, not merely to be separable (see sdae linear). Accuracy with its 95 %% Wilson interval."
        },
        footer = {
            "",
            "Examples:",
            "  sdae knn runs/my-run",
            "  sdae knn runs/my-run --k 5,20,100 --of pixels,untrained,teacher --classes",
            "  sdae knn vit.safetensors --data photos --set image.size=64 --pool cls"
        })
final class KnnCommand implements Callable<Integer> {
    @Mixin
    private EvalOptions options;

    @Option(
            names = "--k",
            paramLabel = "K",
            split = ",",
            description = "neighbours that vote, one or more; default: 20")
    private int[] ks;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            description = "a neighbour votes with exp(cosine / T); default: ${DEFAULT-VALUE}",
            defaultValue = "0.07")
    private double temperature;

    @Option(names = "--classes", description = "also the table by class, of the last subject and the first k")
    private boolean table;

    @Override
    public Integer call() throws IOException {
        var config = options.config();
        int[] neighbours = ks != null ? ks : new int[] {config.integer("eval.knn_k")};
        for (int k : neighbours) {
            if (k < 1) {
                throw new UserError(ExitCode.CONFIG, "knn: --k must be 1 or more, but is " + k);
            }
        }
        if (!(temperature >= 0.005 && temperature <= 100)) {
            throw new UserError(ExitCode.CONFIG, "knn: --temperature must be in 0.005..100, but is " + temperature);
        }
        Backend backend = options.backend();
        try (RunData images = options.images()) {
            List<String> classes = images.train().classes();
            List<Object> rows = new ArrayList<>();
            Score last = null;
            Map<String, Object> summary = null;
            for (Subject subject :
                    options.subjects(List.of(Subject.PIXELS, Subject.UNTRAINED, Subject.STUDENT, Subject.TEACHER))) {
                try (Backbone backbone = subject == Subject.PIXELS ? null : options.backbone(subject, backend)) {
                    Features bank = options.features(backbone, images, true, config.integer("eval.knn_train"));
                    Features tested = options.features(backbone, images, false, config.integer("eval.knn_test"));
                    if (summary == null) {
                        System.out.printf(
                                Locale.ROOT, "%d labelled images, %d to classify%n", bank.count(), tested.count());
                        int twins = EvalOptions.warnOfDuplicates(images, bank, tested);
                        summary = options.summary("knn", images, bank, tested, twins);
                    }
                    last = print(subject, backend, bank, tested, neighbours, classes.size(), rows);
                }
            }
            if (table) {
                System.out.print(last.table(classes));
            }
            summary.put("temperature", temperature);
            summary.put("results", rows);
            options.write("knn", summary, last, classes);
        }
        return ExitCode.DONE.code();
    }

    /** Prints and notes a line a k; returns the score of the first. */
    private Score print(
            Subject subject,
            Backend backend,
            Features bank,
            Features tested,
            int[] neighbours,
            int classes,
            List<Object> rows) {
        float[][] votes = Knn.votes(backend, bank, tested, neighbours, temperature, classes, () -> {});
        Score first = null;
        for (int k = 0; k < neighbours.length; k++) {
            Score score = Score.of(votes[k], tested.labels(), classes);
            first = first == null ? score : first;
            String name = subject.name().toLowerCase(Locale.ROOT);
            System.out.printf(Locale.ROOT, "  %-10s %4d-NN  %s%n", name, neighbours[k], score.text());
            Map<String, Object> row = new LinkedHashMap<>();
            row.put("of", name);
            row.put("k", neighbours[k]);
            row.putAll(score.json());
            rows.add(row);
        }
        return first;
    }
}
