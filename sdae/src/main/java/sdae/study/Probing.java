package sdae.study;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import sdae.config.Config;
import sdae.data.RunData;
import sdae.eval.Backbone;
import sdae.eval.Features;
import sdae.eval.Knn;
import sdae.eval.Logistic;
import sdae.eval.Ridge;
import sdae.eval.Score;
import sdae.model.Classifier.Pool;
import sdae.tensor.Backend;
import sdae.tensor.Devices;
import sdae.tensor.GemmChoice;
import sdae.train.Machine;

/** Probes of frozen features of all images: {@code sdae knn --train N --test N} and {@code sdae linear --quick}. */
final class Probing implements AutoCloseable {
    private final Config config;
    private final Path run;
    private final Consumer<String> say;
    private final Backend backend;
    private final RunData images;

    /** Of the last good checkpoint of a run; a baseline needs only the settings. */
    Probing(Config config, Path run, Consumer<String> say) {
        this.config = config;
        this.run = run;
        this.say = say;
        Machine.useThreads(config.integer("threads"));
        backend = Devices.open(
                config.text("device"), GemmChoice.of(config.text("device.gemm")), config.flag("device.gemm_timing"));
        images = RunData.open(config);
        images.train().requireLabels();
    }

    /** Whose features a cell has. */
    static List<String> subjects(Cell cell) {
        return switch (cell.kind()) {
            case PIXELS -> List.of(StudyFile.PIXELS);
            case UNTRAINED -> List.of(StudyFile.UNTRAINED);
            case SCRATCH -> List.of();
            case PRETRAINED ->
                cell.network().text("objective").equals("sdae") ? List.of("student", "teacher") : List.of("student");
        };
    }

    /** The figures of these probes, on features computed once. */
    List<Figure> measure(String subject, List<Probe> probes) throws IOException {
        Features train;
        Features test;
        if (subject.equals(StudyFile.PIXELS)) {
            train = Features.pixels(config.model(), images.train(), Integer.MAX_VALUE, images.normalization());
            test = Features.pixels(config.model(), images.test(), Integer.MAX_VALUE, images.normalization());
        } else {
            Backbone.Network network = Backbone.Network.valueOf(subject.toUpperCase(Locale.ROOT));
            Backbone.Origin origin = new Backbone.Origin(run, network, List.of(), true);
            try (Backbone backbone = Backbone.open(origin, config, backend, say)) {
                train = Features.of(backbone, Pool.MEAN, images.train(), Integer.MAX_VALUE, images.normalization());
                test = Features.of(backbone, Pool.MEAN, images.test(), Integer.MAX_VALUE, images.normalization());
            }
        }
        int classes = images.train().classes().size();
        List<Figure> figures = new ArrayList<>();
        for (Probe probe : probes) {
            Score score = switch (probe) {
                case KNN -> Knn.score(backend, train, test, config.integer("eval.knn_k"), classes);
                case RIDGE -> Ridge.run(images.train(), train, test, classes).test();
                case LOGISTIC ->
                    Logistic.run(images.train(), train, test, classes).test();
                case FINETUNE -> throw new IllegalArgumentException("no probe of features: " + probe);
            };
            figures.add(figure(subject, probe, score));
        }
        return figures;
    }

    private static Figure figure(String of, Probe probe, Score score) {
        double[] ends = score.interval();
        return new Figure(of, probe.word(), score.top1(), ends[0], ends[1]);
    }

    @Override
    public void close() {
        images.close();
    }
}
