package sdae.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import sdae.bench.Ratios.Interval;
import sdae.io.ExitCode;
import sdae.io.Json;
import sdae.io.UserError;
import sdae.tensor.Devices;
import sdae.train.Machine;

@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = {
            "Times kernels and whole training steps, each checked against a double reference before, and writes a JSON file and an HTML report beside it.",
            "With --peers, other implementations of the same computations take turns with ours, round by round."
        },
        footer = {
            "",
            "Examples:",
            "  sdae bench --list                     every case",
            "  sdae bench --quick attention          a look at attention",
            "  sdae bench --peers attention decoder  attention in the decoder, against libtorch",
            "  sdae bench --jmh -h                   JMH's own benchmarks of the same cases, with JMH's options"
        })
final class BenchCommand implements Callable<Integer> {
    @Parameters(arity = "0..*", paramLabel = "PATTERN", description = "only cases with all these words in their name")
    private List<String> pattern = new ArrayList<>();

    @Option(names = "--peers", description = "against the other implementations on the class path too")
    private boolean peers;

    @Option(names = "--quick", description = "few rounds, one process: a look, not a figure to keep")
    private boolean quick;

    @Option(names = "--list", description = "print the cases and end")
    private boolean list;

    @Option(names = "--device", paramLabel = "NAME", description = "cpu", defaultValue = "cpu")
    private String device;

    @Option(names = "--threads", paramLabel = "N", description = "threads; default: all CPUs")
    private int threads = Runtime.getRuntime().availableProcessors();

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "where results go; default ${DEFAULT-VALUE}",
            defaultValue = "bench.json")
    private Path out;

    @Option(names = "--against", paramLabel = "FILE", description = "earlier results (JSON) to hold these against")
    private Path against;

    private Limits limits = Limits.UNKNOWN;

    public static void main(String[] arguments) throws IOException {
        if (arguments.length > 0 && arguments[0].equals("--jmh")) {
            org.openjdk.jmh.Main.main(Arrays.copyOfRange(arguments, 1, arguments.length));
            return;
        }
        CommandLine line = new CommandLine(new BenchCommand());
        line.setExecutionExceptionHandler((exception, command, parsed) -> {
            if (exception instanceof UserError error) {
                System.err.println(error.line());
                return error.code().code();
            }
            exception.printStackTrace();
            return ExitCode.BUG.code();
        });
        System.exit(line.execute(arguments));
    }

    @Override
    public Integer call() throws IOException {
        List<Case> cases = Cases.matching(String.join(" ", pattern));
        if (cases.isEmpty()) {
            throw new UserError(
                    ExitCode.CONFIG, "bench: no case has all of " + pattern + " in its name (sdae bench --list)");
        }
        if (list) {
            cases.forEach(c -> System.out.println(c + "  " + c.shape().text()));
            return ExitCode.DONE.code();
        }
        checkArguments();
        ResultFile earlier = against == null ? null : earlier();
        List<Peer> implementations = new ArrayList<>(List.of(new SdaePeer(device)));
        if (peers) {
            implementations.addAll(Peers.others());
        }
        Map<String, String> header = new LinkedHashMap<>(Machine.describe());
        header.put("date", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        header.put("commit", System.getProperty("sdae.commit", "unknown"));
        header.put("load before", load());
        limits = Limits.measure(threads);
        PairedRun run = new PairedRun(
                implementations,
                device,
                threads,
                quick ? PairedRun.Effort.QUICK : PairedRun.Effort.FULL,
                System.err::println);
        List<Result> results = run.run(cases, this::print);
        header.put("load after", load());
        ResultFile file = new ResultFile(header, limits, results);
        file.write(out);
        Path report = BenchReport.beside(out);
        BenchReport.write(report, file, earlier);
        System.out.printf(
                "load %s before, %s after; %s, %s%n", header.get("load before"), header.get("load after"), out, report);
        return ExitCode.DONE.code();
    }

    private ResultFile earlier() throws IOException {
        try {
            return ResultFile.read(against);
        } catch (Json.Malformed e) {
            throw new UserError(ExitCode.CONFIG, "bench: --against: " + against + " is " + e.getMessage());
        }
    }

    private void checkArguments() {
        if (!Devices.NAMES.contains(device)) {
            throw new UserError(
                    ExitCode.CONFIG, "bench: --device must be one of " + Devices.NAMES + ", but is " + device);
        }
        if (!device.equals("cpu")) {
            // Kernel time of a GPU is between two CUDA events; Backend gives none yet. A simulated device has no speed.
            throw new UserError(
                    ExitCode.DEVICE, "bench: only cpu can be timed; cuda needs CUDA events, cuda-sim has no speed");
        }
        if (against != null && !Files.isRegularFile(against)) {
            throw new UserError(
                    ExitCode.CONFIG, "bench: --against must be a file of earlier results, but there is no " + against);
        }
        if (threads < 1) {
            throw new UserError(ExitCode.CONFIG, "bench: --threads must be 1 or more, but is " + threads);
        }
        if (peers && Peers.others().isEmpty()) {
            throw new UserError(ExitCode.CONFIG, "bench: there is no peer on the class path; build with -Ppeers");
        }
    }

    /** One line an implementation: {@code attention fwd  DECODER  f32 | 512.3 us | 50 GB/s | 61 % of FMA peak | 1.52x libtorch}. */
    private void print(List<Result> results) {
        Result ours = results.stream().filter(Result::ours).findFirst().orElse(null);
        if (ours == null) {
            return;
        }
        StringBuilder line = new StringBuilder(String.format(
                Locale.ROOT, "%-48s | %10.1f us | %s", ours.timed().name(), ours.median() * 1e6, limits.share(ours)));
        for (Result other : results) {
            if (!other.ours()) {
                Interval ratio = Ratios.median95(Ratios.pairs(other.rounds(), ours.rounds()));
                line.append(String.format(
                        Locale.ROOT,
                        " | %.2fx [%.2f, %.2f] %s",
                        ratio.value(),
                        ratio.low(),
                        ratio.high(),
                        other.implementation()));
            }
        }
        System.out.println(line);
    }

    private static String load() {
        try {
            return Files.readString(Path.of("/proc/loadavg")).split(" ", 2)[0];
        } catch (IOException e) {
            return "unknown";
        }
    }
}
