package sdae.cli;

import java.util.concurrent.Callable;
import java.util.function.DoubleUnaryOperator;
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
    @Option(
            names = "--measure",
            description =
                    "also measure the peaks of multiply-adds, fp32 and bf16, and the copy bandwidth, on one thread and on all (6 seconds)")
    private boolean measure;

    @Override
    public Integer call() {
        Kernels.load();
        Machine.describe().forEach((name, value) -> System.out.printf("%-8s %s%n", name, value));
        if (measure) {
            print("fma", Native::sk_probe_fma_gflops, "GFLOP/s fp32");
            print("bf16", Native::sk_probe_bf16_gflops, "GFLOP/s bf16 summed in fp32");
            print("copy", Native::sk_probe_copy_gbs, "GB/s read and written");
        }
        return ExitCode.DONE.code();
    }

    /** {@code fma 235.1 GFLOP/s fp32, one thread 117.8}. */
    private static void print(String name, DoubleUnaryOperator probe, String unit) {
        int threads = Native.sk_threads();
        double all = probe.applyAsDouble(1);
        Native.sk_set_threads(1);
        double one = probe.applyAsDouble(1);
        Native.sk_set_threads(threads);
        System.out.printf("%-8s %.1f %s, one thread %.1f%n", name, all, unit, one);
    }
}
