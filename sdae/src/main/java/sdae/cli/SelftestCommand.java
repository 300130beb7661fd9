package sdae.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import sdae.gpu.SelfTest;
import sdae.io.Disk;
import sdae.io.ExitCode;
import sdae.io.Json;
import sdae.io.UserError;
import sdae.tensor.CpuBackend;

@Command(
        name = "selftest",
        mixinStandardHelpOptions = true,
        description = {
            "Checks a device: every kernel, forward and backward, against plain double references and against the CPU,",
            "then whole training steps against the CPU. Ends with exit code 10 if anything is wrong."
        })
final class SelftestCommand implements Callable<Integer> {
    @Option(names = "--device", paramLabel = "NAME", description = "cpu", defaultValue = "cpu")
    private String device;

    @Option(
            names = "--filter",
            paramLabel = "TEXT",
            description = "only kernels, shapes and steps with this in their name, e.g. attention",
            defaultValue = "")
    private String filter;

    @Option(names = "--json", paramLabel = "FILE", description = "write every case with its error to this file too")
    private Path json;

    @Override
    public Integer call() throws IOException {
        if (!device.equals("cpu")) {
            throw new UserError(ExitCode.CONFIG, "selftest: --device must be cpu, but is " + device);
        }
        SelfTest test = new SelfTest(new CpuBackend(), filter, System.out::println);
        boolean ok = test.run();
        if (!test.ranAny()) {
            throw new UserError(ExitCode.CONFIG, "selftest: nothing has '" + filter + "' in its name");
        }
        if (json != null) {
            Json.write(Disk.real(), json, test.toMap());
        }
        return (ok ? ExitCode.DONE : ExitCode.WRONG).code();
    }
}
