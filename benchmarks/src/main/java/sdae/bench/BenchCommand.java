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
import sdae.tensor.DeviceException;
import sdae.tensor.Devices;
import sdae.tensor.GemmChoice;
import sdae.tensor.cuda.CudaBackend;
import sdae.tensor.cuda.DeviceFacts;
import sdae.train.Machine;

@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = {
            "Times kernels and whole training steps, each checked against a double reference before, and writes a JSON file and an HTML report beside it.",
            "With --peers, other implementations of the same computations take turns with ours, round by round.",
            "On cuda the GPU's own clock counts, CUDA events around many launches, and the peer is cuBLASLt. On cuda-sim, which has no time, every kernel is computed and checked at a small shape, and nothing is written; exit code 10 if one is wrong."
        },
        footer = {
            "",
            "Examples:",
            "  sdae bench --list                     every case",
            "  sdae bench --quick attention          a look at attention",
            "  sdae bench --peers attention decoder  attention in the decoder, against libtorch",
            "  sdae bench --peers --goals            every goal: what, measured, met or not",
            "  sdae bench --peers --goals gemm bf16  those with these words in their name",
            "  sdae bench --device cuda --peers      on the GPU, products against cuBLASLt",
            "  sdae bench --device cuda-sim --peers  the same, checked without a GPU",
            "  sdae bench --jmh -h                   JMH's own benchmarks of the same cases, with JMH's options"
        })
final class BenchCommand implements Callable<Integer> {
    @Parameters(arity = "0..*", paramLabel = "PATTERN", description = "only cases with all these words in their name")
    private List<String> pattern = new ArrayList<>();

    @Option(names = "--peers", description = "against the other implementations on the class path too")
    private boolean peers;

    @Option(names = "--quick", description = "few rounds, one process: a look, not a figure to keep")
    private boolean quick;

    @Option(
            names = "--goals",
            description = "only what this project's goals need, and a table of goals; PATTERN selects goals")
    private boolean goals;

    @Option(names = "--list", description = "print the cases and end")
    private boolean list;

    @Option(
            names = "--device",
            paramLabel = "NAME",
            description = "cpu, cuda or cuda-sim; default cpu",
            defaultValue = "cpu")
    private String device;

    @Option(names = "--threads", paramLabel = "N", description = "threads, of cpu; default: all CPUs")
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
        System.exit(run(arguments));
    }

    /** The command without an end of the process: its exit code. */
    static int run(String... arguments) {
        CommandLine line = new CommandLine(new BenchCommand());
        line.setExecutionExceptionHandler((exception, command, parsed) -> report(exception));
        return line.execute(arguments);
    }

    private static int report(Exception exception) {
        UserError error = null;
        if (exception instanceof UserError known) {
            error = known;
        } else if (exception instanceof DeviceException) {
            error = new UserError(ExitCode.DEVICE, "bench: " + exception.getMessage());
        }
        if (error == null) {
            exception.printStackTrace();
            return ExitCode.BUG.code();
        }
        System.err.println(error.line());
        return error.code().code();
    }

    @Override
    public Integer call() throws IOException {
        checkDevice();
        List<Goal> wanted = goals ? Goals.matching(String.join(" ", pattern)) : List.of();
        List<Case> cases = goals ? List.of() : Cases.matching(String.join(" ", pattern), device);
        if (wanted.isEmpty() && cases.isEmpty()) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "bench: no " + (goals ? "goal" : "case") + " has all of " + pattern
                            + " in its name (sdae bench --list)");
        }
        if (list) {
            wanted.forEach(goal -> System.out.println(goal.name() + "  " + goal.limitText()));
            cases.forEach(c -> System.out.println(c + "  " + c.shape().text()));
            return ExitCode.DONE.code();
        }
        List<Peer> implementations = new ArrayList<>(List.of(new SdaePeer(device)));
        if (peers) {
            implementations.addAll(Peers.others(device));
        }
        if (device.equals("cuda-sim")) {
            boolean right = new Rehearsal(implementations, System.out::println).run(cases);
            return (right ? ExitCode.DONE : ExitCode.WRONG).code();
        }
        checkArguments();
        makeFolder();
        ResultFile earlier = against == null ? null : earlier();
        DeviceFacts gpu = device.equals("cuda") ? gpu() : null;
        Map<String, String> header = new LinkedHashMap<>(Machine.describe());
        if (gpu != null) {
            header.putAll(DataSheet.header(gpu));
        }
        header.put("date", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        header.put("commit", System.getProperty("sdae.commit", "unknown"));
        header.put("load before", load());
        limits = gpu == null ? Limits.measure(threads) : DataSheet.limits(gpu);
        PairedRun run = new PairedRun(device, gpu == null ? threads : 1, effort(), System.err::println);
        List<Contest> contests = goals
                ? Contest.of(Goals.needs(wanted), implementations)
                : cases.stream().map(c -> Contest.of(c, implementations)).toList();
        List<Result> results = run.run(contests, this::print);
        header.put("load after", load());
        Measured measured = new Measured(results, limits);
        GoalTable table =
                new GoalTable(wanted.stream().map(g -> g.outcome(measured)).toList());
        write(new ResultFile(header, limits, results, table), earlier);
        return ExitCode.DONE.code();
    }

    /** Facts of the GPU, for there is one and, for peers, its cuBLASLt; or throws. */
    private DeviceFacts gpu() {
        DeviceFacts facts = ((CudaBackend) Devices.open(device)).facts();
        if (facts.simulated()) {
            throw new UserError(
                    ExitCode.DEVICE,
                    "bench: LD_LIBRARY_PATH makes the simulator the GPU of --device cuda, and it has no speed; take --device cuda-sim");
        }
        if (peers) {
            try {
                Devices.open(device, GemmChoice.CUBLASLT, false);
            } catch (DeviceException e) {
                throw new UserError(ExitCode.DEVICE, "bench: --peers: " + e.getMessage(), e);
            }
        }
        return facts;
    }

    private PairedRun.Effort effort() {
        return quick ? PairedRun.Effort.QUICK : goals ? PairedRun.Effort.GOALS : PairedRun.Effort.FULL;
    }

    private void write(ResultFile file, ResultFile earlier) throws IOException {
        file.write(out);
        List<Path> written = new ArrayList<>(List.of(out, BenchReport.beside(out)));
        BenchReport.write(written.get(1), file, earlier);
        if (goals) {
            System.out.println();
            System.out.print(file.goals().text());
            written.add(BenchReport.beside(out, ".md"));
            file.goals().writeMarkdown(written.get(2), file.header(), limits);
        }
        System.out.printf(
                "load %s before, %s after; %s%n",
                file.header().get("load before"),
                file.header().get("load after"),
                String.join(", ", written.stream().map(Path::toString).toList()));
    }

    /** Before anything is measured: a result that cannot be written would be lost. */
    private void makeFolder() {
        try {
            Files.createDirectories(out.toAbsolutePath().getParent());
        } catch (IOException e) {
            throw new UserError(ExitCode.CONFIG, "bench: --out: no folder for " + out + ": " + e.getMessage());
        }
    }

    private ResultFile earlier() throws IOException {
        try {
            return ResultFile.read(against);
        } catch (Json.Malformed e) {
            throw new UserError(ExitCode.CONFIG, "bench: --against: " + against + " is " + e.getMessage());
        }
    }

    private void checkDevice() {
        if (!Devices.NAMES.contains(device)) {
            throw new UserError(
                    ExitCode.CONFIG, "bench: --device must be one of " + Devices.NAMES + ", but is " + device);
        }
        if (goals && !device.equals("cpu")) {
            throw new UserError(
                    ExitCode.CONFIG, "bench: the goals are those of cpu; leave out --goals or --device " + device);
        }
    }

    private void checkArguments() {
        if (against != null && !Files.isRegularFile(against)) {
            throw new UserError(
                    ExitCode.CONFIG, "bench: --against must be a file of earlier results, but there is no " + against);
        }
        if (threads < 1) {
            throw new UserError(ExitCode.CONFIG, "bench: --threads must be 1 or more, but is " + threads);
        }
        if (peers && Peers.others(device).isEmpty()) {
            throw new UserError(ExitCode.CONFIG, "bench: there is no peer on the class path; build with -Ppeers");
        }
    }

    /** One line a case: {@code attention fwd  DECODER  f32 | 512.3 us | 61 % of FMA peak | 1.52x [1.48, 1.57] libtorch}. */
    private void print(List<Result> results) {
        results.stream().filter(Result::ours).forEach(ours -> print(ours, results));
    }

    private void print(Result ours, List<Result> results) {
        StringBuilder line = new StringBuilder(String.format(
                Locale.ROOT, "%-48s | %10.2f us | %s", ours.timed().name(), ours.median() * 1e6, limits.share(ours)));
        if (ours.busy() > 0) {
            line.append(String.format(Locale.ROOT, " | cores %.0f %% busy", 100 * ours.busy()));
        }
        for (Result other : results) {
            if (!other.ours() && other.sameAs(ours)) {
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
