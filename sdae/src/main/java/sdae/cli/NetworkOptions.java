package sdae.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import sdae.config.Config;
import sdae.eval.Backbone;
import sdae.train.Machine;

/** A trained network that a command looks at, and the settings over its own. */
abstract class NetworkOptions {
    /** In the help, behind the options of a command's own. */
    private static final int LAST = 1;

    @Parameters(
            paramLabel = "RUN|FILE",
            converter = Words.OfNetwork.class,
            description =
                    "a run folder, or weights by the names of timm or Hugging Face: a safetensors file, or a folder"
                            + " with model.safetensors")
    Path path;

    @Option(
            names = "--set",
            order = LAST,
            paramLabel = "KEY=VALUE",
            description = "one setting over the run's; may be given often")
    List<String> sets = new ArrayList<>();

    @Option(
            names = "--device",
            order = LAST,
            paramLabel = "NAME",
            description = "cpu, cuda or cuda-sim; default: the run's")
    String device;

    @Option(
            names = "--strict",
            order = LAST,
            paramLabel = "true|false",
            arity = "1",
            defaultValue = "true",
            description = "false: load what fits of the weights and say what does not; default: ${DEFAULT-VALUE}")
    boolean strict;

    private Config config;

    /** Settings over the run's. */
    List<String> settings() {
        List<String> all = new ArrayList<>(sets);
        if (device != null) {
            all.add("device=" + device);
        }
        return all;
    }

    final Backbone.Origin origin(Backbone.Network network) {
        return new Backbone.Origin(path, network, settings(), strict);
    }

    /** The settings, of this process too. */
    final Config config() throws IOException {
        if (config == null) {
            config = origin(Backbone.Network.STUDENT).config();
            Machine.useThreads(config.integer("threads"));
        }
        return config;
    }
}
