package sdae.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import sdae.io.ExitCode;
import sdae.kernels.Kernels;
import sdae.kernels.Native;
import sdae.train.Machine;

@Command(
        name = "env",
        mixinStandardHelpOptions = true,
        description =
                "Prints what SdAE found on this machine: CPU, instruction set, threads, matrix kernels, memory, CUDA.")
final class EnvCommand implements Callable<Integer> {
    @Option(names = "--measure", description = "also measure the FMA peak and the copy bandwidth (2 seconds)")
    private boolean measure;

    @Override
    public Integer call() {
        Kernels.load();
        Machine.describe().forEach((name, value) -> System.out.printf("%-8s %s%n", name, value));
        if (measure) {
            System.out.printf("%-8s %.1f GFLOP/s fp32%n", "fma", Native.sk_probe_fma_gflops(1));
            System.out.printf("%-8s %.1f GB/s read and written%n", "copy", Native.sk_probe_copy_gbs(1));
        }
        return ExitCode.DONE.code();
    }
}
