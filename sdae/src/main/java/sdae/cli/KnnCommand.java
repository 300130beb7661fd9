package sdae.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import sdae.eval.Features;
import sdae.eval.Knn;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.model.Encoder;
import sdae.tensor.Devices;

@Command(
        name = "knn",
        mixinStandardHelpOptions = true,
        description = "Classifies the evaluation images of a run by the nearest training images in feature space.")
final class KnnCommand implements Callable<Integer> {
    @Parameters(paramLabel = "RUN", description = "a run folder")
    private Path run;

    @Option(names = "--k", paramLabel = "K", description = "neighbours that vote; default: the run's eval.knn_k")
    private int k;

    @Option(names = "--train", paramLabel = "N", description = "labelled images; default: the run's eval.knn_train")
    private int train;

    @Option(names = "--test", paramLabel = "N", description = "images to classify; default: the run's eval.knn_test")
    private int test;

    @Option(
            names = "--device",
            paramLabel = "NAME",
            description = "cpu, cuda or cuda-sim; default: the run's, and cpu for a run on cuda-sim")
    private String device;

    @Override
    public Integer call() throws IOException {
        if (device != null && !Devices.NAMES.contains(device)) {
            throw new UserError(
                    ExitCode.CONFIG, "knn: --device must be one of " + Devices.NAMES + ", but is " + device);
        }
        try (LoadedRun loaded = LoadedRun.open(run, device)) {
            if (!loaded.data().labelled()) {
                throw new UserError(
                        ExitCode.DATA,
                        "knn: the images of " + loaded.config().text("data.path")
                                + " have no classes; put each class in a folder of its own");
            }
            System.out.printf(Locale.ROOT, "after step %d:%n", loaded.step());
            print("raw pixels", loaded, null);
            print("student", loaded, loaded.model().encoder());
            if (loaded.model().teacher() != null) {
                print("teacher", loaded, loaded.model().teacherEncoder());
            }
        }
        return ExitCode.DONE.code();
    }

    private void print(String name, LoadedRun loaded, Encoder encoder) {
        int bankSize = train > 0 ? train : loaded.config().integer("eval.knn_train");
        int testSize = test > 0 ? test : loaded.config().integer("eval.knn_test");
        int neighbours = k > 0 ? k : loaded.config().integer("eval.knn_k");
        var spec = loaded.config().model();
        var data = loaded.data();
        Features bank;
        Features probe;
        if (encoder == null) {
            bank = Features.pixels(spec, data.train(), bankSize, data.normalization());
            probe = Features.pixels(spec, data.test(), testSize, data.normalization());
        } else {
            bank = Features.of(encoder, spec, loaded.backend(), data.train(), bankSize, data.normalization());
            probe = Features.of(encoder, spec, loaded.backend(), data.test(), testSize, data.normalization());
        }
        double accuracy = Knn.accuracy(
                loaded.backend(),
                bank,
                probe,
                neighbours,
                data.train().classes().size());
        System.out.printf(
                Locale.ROOT,
                "  %-11s %d-NN accuracy %.2f %%  (%d labelled, %d classified)%n",
                name,
                neighbours,
                100 * accuracy,
                bank.count(),
                probe.count());
    }
}
