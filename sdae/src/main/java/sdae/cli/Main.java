package sdae.cli;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import sdae.data.DataException;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.tensor.DeviceException;

/** The command line. A fault that the user can mend is one line and a documented exit code; anything else is a bug. */
@Command(
        name = "sdae",
        mixinStandardHelpOptions = true,
        version = "sdae 0.1.0-SNAPSHOT",
        description = "Pretrains vision transformers by self-distilled masked autoencoding.",
        subcommands = {
            PretrainCommand.class,
            KnnCommand.class,
            LinearCommand.class,
            FinetuneCommand.class,
            FeaturesCommand.class,
            VisualizeCommand.class,
            ExportCommand.class,
            ImportCommand.class,
            StudyCommand.class,
            ReportCommand.class,
            EnvCommand.class,
            SelftestCommand.class,
            KernelsCommand.class
        },
        footer = {
            "",
            "Start with:  sdae pretrain          (Fashion-MNIST, about 3 minutes on 2 cores)",
            "Test with:   sdae test              (all tests; --quick for the inner loop)",
            "",
            "Exit codes: 0 done, 1 bug, 2 config or usage, 3 data, 4 checkpoint, 5 disk, 6 memory,",
            "            7 loss not finite, 8 device, 9 folder locked, 10 selftest found an error,",
            "            75 stopped by a signal and saved"
        })
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        CommandLine line = new CommandLine(new Main());
        line.setExecutionExceptionHandler((exception, command, parsed) -> report(exception));
        line.setCaseInsensitiveEnumValuesAllowed(true);
        System.exit(line.execute(arguments));
    }

    private static int report(Exception exception) {
        UserError error = asUserError(exception);
        if (error == null) {
            exception.printStackTrace();
            System.err.println("ERROR 1: this is a bug in SdAE; please report it with the lines above");
            return ExitCode.BUG.code();
        }
        System.err.println(error.line());
        return error.code().code();
    }

    private static UserError asUserError(Exception exception) {
        if (exception instanceof UserError error) {
            return error;
        }
        String text = String.valueOf(exception.getMessage());
        if (exception instanceof DataException) {
            return new UserError(ExitCode.DATA, text, exception);
        }
        if (exception instanceof NoSuchFileException missing) {
            String reason = missing.getReason() == null ? "there is no such file" : missing.getReason();
            return new UserError(ExitCode.DISK, missing.getFile() + ": " + reason, exception);
        }
        if (exception instanceof IOException) {
            return new UserError(ExitCode.DISK, text, exception);
        }
        if (exception instanceof DeviceException) {
            return new UserError(text.startsWith("memory:") ? ExitCode.MEMORY : ExitCode.DEVICE, text, exception);
        }
        // native code throws plain RuntimeExceptions
        if (exception.getClass() == RuntimeException.class && text.startsWith("memory:")) {
            return new UserError(ExitCode.MEMORY, text, exception);
        }
        if (exception instanceof IllegalStateException && text.startsWith("kernels:")
                || (exception.getClass() == RuntimeException.class && text.startsWith("SDAE_ISA"))) {
            return new UserError(ExitCode.DEVICE, text, exception);
        }
        return null;
    }
}
