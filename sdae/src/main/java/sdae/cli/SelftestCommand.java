package sdae.cli;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import sdae.gpu.SelfTest;
import sdae.io.Disk;
import sdae.io.ExitCode;
import sdae.io.Json;
import sdae.io.UserError;
import sdae.tensor.Devices;
import tools.jackson.databind.JsonNode;

@Command(
        name = "selftest",
        mixinStandardHelpOptions = true,
        description = {
            "Checks a device: every kernel, forward and backward, against plain double references and against the CPU,",
            "then whole training steps in f32 and bf16 against the CPU, and replayed as CUDA graphs against launched one by",
            "one. Ends with exit code 10 if anything is wrong."
        })
final class SelftestCommand implements Callable<Integer> {
    @Option(
            names = "--device",
            paramLabel = "NAME",
            description = "cpu, cuda or cuda-sim; default cpu",
            defaultValue = "cpu")
    private String device;

    @Option(
            names = "--filter",
            paramLabel = "TEXT",
            description = "only kernels, shapes and steps with this in their name, e.g. attention",
            defaultValue = "")
    private String filter;

    @Option(names = "--json", paramLabel = "FILE", description = "write every case with its error to this file too")
    private Path json;

    @Option(names = "--from", hidden = true, defaultValue = "0")
    private int from;

    @Override
    public Integer call() throws IOException {
        if (!Devices.NAMES.contains(device)) {
            throw new UserError(
                    ExitCode.CONFIG, "selftest: --device must be one of " + Devices.NAMES + ", but is " + device);
        }
        SelfTest test = new SelfTest(
                device, dtype -> Devices.open(device), filter, from, this::inNewProcess, System.out::println);
        boolean ok = test.run();
        if (!test.ranAny()) {
            throw new UserError(ExitCode.CONFIG, "selftest: nothing has '" + filter + "' in its name");
        }
        if (json != null) {
            Json.write(Disk.real(), json, test.toMap());
        }
        return (ok ? ExitCode.DONE : ExitCode.WRONG).code();
    }

    /** Goes on in a process like this one: an error such as an illegal address ends a CUDA context for good. */
    private JsonNode inNewProcess(int first) throws IOException {
        Path report = Files.createTempFile("sdae-selftest", ".json");
        try {
            List<String> command = new ArrayList<>();
            command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
            command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName(), "selftest"));
            command.addAll(List.of("--device", device, "--filter", filter, "--from", Integer.toString(first)));
            command.addAll(List.of("--json", report.toString()));
            int code = new ProcessBuilder(command).inheritIO().start().waitFor();
            if (code != ExitCode.DONE.code() && code != ExitCode.WRONG.code()) {
                throw new UserError(
                        ExitCode.DEVICE,
                        "selftest: the process for the tests from " + first + " on ended with " + code);
            }
            return Json.read(report);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("selftest: interrupted", e);
        } finally {
            Files.deleteIfExists(report);
        }
    }
}
