package sdae.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import sdae.io.ExitCode;

@Command(
        name = "report",
        mixinStandardHelpOptions = true,
        description = "Writes one self-contained HTML page about one run, or several side by side.")
final class ReportCommand implements Callable<Integer> {
    @Parameters(paramLabel = "RUN", arity = "1..*", description = "run folders")
    private List<Path> runs;

    @Option(names = "--out", paramLabel = "FILE", description = "default: report.html in the first run's folder")
    private Path out;

    @Override
    public Integer call() throws IOException {
        Path page = new Reporter(runs).write(out == null ? runs.get(0).resolve("report.html") : out);
        System.out.println("report: " + page.toAbsolutePath());
        return ExitCode.DONE.code();
    }
}
