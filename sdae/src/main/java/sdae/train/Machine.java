package sdae.train;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import sdae.kernels.Kernels;
import sdae.kernels.Native;
import sdae.tensor.CpuBackend;

/** What a run ran on: the facts a figure needs beside it. */
public final class Machine {
    private static final long KIB = 1024;

    private Machine() {}

    /** How many threads the CPU's kernels use; 0 leaves one for every CPU. */
    public static void useThreads(int threads) {
        if (threads > 0) {
            new CpuBackend(); // loads the library
            Native.sk_set_threads(threads);
        }
    }

    /** Label to value, in the order to show. */
    public static Map<String, String> describe() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put(
                "cpu",
                field("/proc/cpuinfo", "model name", "unknown") + ", "
                        + Runtime.getRuntime().availableProcessors() + " CPUs");
        facts.put("isa", Kernels.isa());
        facts.put("threads", Integer.toString(Native.sk_threads()));
        facts.put("blas", "own kernels (" + Kernels.isa() + ")");
        facts.put("memory", kib("MemTotal") / KIB / KIB + " GiB, " + kib("MemAvailable") / KIB / KIB + " GiB free");
        facts.put("load", firstWord("/proc/loadavg"));
        facts.put("java", System.getProperty("java.version") + " (" + System.getProperty("java.vm.name") + ")");
        facts.put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"));
        facts.put("cuda", cuda());
        return facts;
    }

    /** Whether an NVIDIA driver is here, and if not, where it was looked for. */
    private static String cuda() {
        if (Files.exists(Path.of("/proc/driver/nvidia/version"))) {
            return "driver found (" + firstLine("/proc/driver/nvidia/version") + ")";
        }
        return "no: /proc/driver/nvidia/version is not there, so no NVIDIA driver is loaded";
    }

    /** The most memory this process has held, in bytes. */
    public static long peakResidentBytes() {
        String kib = field("/proc/self/status", "VmHWM", "0 kB").replaceAll("\\D", "");
        return kib.isEmpty() ? 0 : Long.parseLong(kib) * KIB;
    }

    private static long kib(String name) {
        return Long.parseLong(field("/proc/meminfo", name, "0").replaceAll("\\D", ""));
    }

    private static String firstWord(String file) {
        return firstLine(file).split(" ", 2)[0];
    }

    private static String firstLine(String file) {
        return text(file).lines().findFirst().orElse("");
    }

    private static String field(String file, String name, String fallback) {
        return text(file)
                .lines()
                .filter(line -> line.startsWith(name))
                .map(line -> line.substring(line.indexOf(':') + 1).strip())
                .findFirst()
                .orElse(fallback);
    }

    private static String text(String file) {
        try {
            return new String(Files.readAllBytes(Path.of(file)), StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "";
        }
    }
}
