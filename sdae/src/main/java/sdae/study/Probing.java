package sdae.study;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import sdae.config.Config;
import sdae.data.ImageSource;
import sdae.data.RunData;
import sdae.eval.Backbone;
import sdae.eval.Features;
import sdae.eval.Knn;
import sdae.eval.Logistic;
import sdae.eval.Ridge;
import sdae.eval.Score;
import sdae.io.Pace;
import sdae.io.Progress;
import sdae.model.Classifier.Pool;
import sdae.tensor.Backend;
import sdae.tensor.Devices;
import sdae.tensor.GemmChoice;
import sdae.train.Machine;

/** Probes of frozen features of all images: {@code sdae knn --train N --test N} and {@code sdae linear --quick}. */
final class Probing implements AutoCloseable {
    private final Config config;
    private final Path run;
    private final Progress progress;
    private final Supplier<String> stop;
    private final Backend backend;
    private final RunData images;

    /** Of the last good checkpoint of a run; a baseline needs only the settings. */
    Probing(Config config, Path run, Progress progress, Supplier<String> stop) {
        this.config = config;
        this.run = run;
        this.progress = progress;
        this.stop = stop;
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

    /** The figures of these probes, on features computed once. @throws CancellationException if a signal came first */
    List<Figure> measure(String subject, List<Probe> probes) throws IOException {
        Features train;
        Features test;
        Pace pace = new Pace(progress, subject + " features", stop)
                .expect((long) images.train().size() + images.test().size());
        if (subject.equals(StudyFile.PIXELS)) {
            train = pixels(images.train(), pace);
            test = pixels(images.test(), pace);
        } else {
            Backbone.Network network = Backbone.Network.valueOf(subject.toUpperCase(Locale.ROOT));
            Backbone.Origin origin = new Backbone.Origin(run, network, List.of(), true);
            try (Backbone backbone = Backbone.open(origin, config, backend, progress::say)) {
                train = features(backbone, images.train(), pace);
                test = features(backbone, images.test(), pace);
            }
        }
        int classes = images.train().classes().size();
        List<Figure> figures = new ArrayList<>();
        for (Probe probe : probes) {
            pace.check();
            Score score = switch (probe) {
                case KNN -> Knn.score(backend, train, test, config.integer("eval.knn_k"), classes, pace::check);
                case RIDGE -> Ridge.run(images.train(), train, test, classes).test();
                case LOGISTIC ->
                    Logistic.run(images.train(), train, test, classes).test();
                case FINETUNE -> throw new IllegalArgumentException("no probe of features: " + probe);
            };
            figures.add(figure(subject, probe, score));
        }
        return figures;
    }

    private Features pixels(ImageSource source, Pace pace) {
        return Features.pixels(config.model(), source, Integer.MAX_VALUE, images.normalization(), pace::batch);
    }

    private Features features(Backbone backbone, ImageSource source, Pace pace) {
        return Features.of(backbone, Pool.MEAN, source, Integer.MAX_VALUE, images.normalization(), pace::batch);
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
