package sdae.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import sdae.kernels.Kernels;
import sdae.kernels.Native;

/** A run's profile.csv beside the limits of this machine, measured now. */
public final class ProfileTable {
    private static final double PROBE_SECONDS = 1;

    private record Row(String part, long calls, double seconds, double gflop, double bytes) {
        static Row of(String line) {
            String[] cells = line.split(",", -1);
            return new Row(
                    cells[0],
                    Long.parseLong(cells[1]),
                    Double.parseDouble(cells[2]),
                    Double.parseDouble(cells[3]),
                    Double.parseDouble(cells[4]));
        }
    }

    private ProfileTable() {}

    /**
     * The table as text: share of time, GFLOP/s and GB/s; on the CPU against the FMA peak and the copy bandwidth of this machine.
     */
    public static String of(Path run, String device) throws IOException {
        Kernels.load();
        boolean cpu = device.equals("cpu");
        double peak = cpu ? Native.sk_probe_fma_gflops(PROBE_SECONDS) : Double.NaN;
        double copy = cpu ? Native.sk_probe_copy_gbs(PROBE_SECONDS) : Double.NaN;
        List<Row> rows = Files.readAllLines(run.resolve("profile.csv")).stream()
                .skip(1)
                .map(Row::of)
                .sorted(Comparator.comparingDouble(Row::seconds).reversed())
                .toList();
        double seconds = rows.stream().mapToDouble(Row::seconds).sum();
        double gflop = rows.stream().mapToDouble(Row::gflop).sum();
        StringBuilder text = new StringBuilder(String.format(
                Locale.ROOT,
                "%-24s %8s %9s %6s %16s %14s%n",
                "kernel",
                "calls",
                "seconds",
                "share",
                cpu ? "GFLOP/s (peak)" : "GFLOP/s",
                cpu ? "GB/s (copy)" : "GB/s"));
        for (Row row : rows) {
            text.append(String.format(
                    Locale.ROOT,
                    "%-24s %8d %9.3f %5.1f%% %16s %14s%n",
                    row.part,
                    row.calls,
                    row.seconds,
                    100 * row.seconds / seconds,
                    row.gflop == 0 ? "" : rate(row.gflop / row.seconds, peak),
                    rate(row.bytes / row.seconds * 1e-9, copy)));
        }
        if (!cpu) {
            return text.append(String.format(
                            Locale.ROOT,
                            "all kernels: %.3f s by CUDA events around each, %.1f GFLOP/s; %s%n",
                            seconds,
                            gflop / seconds,
                            device.equals("cuda-sim") ? "times of the simulation, not of a GPU" : device))
                    .toString();
        }
        text.append(String.format(
                Locale.ROOT,
                "all kernels: %.1f s, %.1f GFLOP/s = %.0f %% of the FMA peak %.1f GFLOP/s; copy bandwidth %.1f GB/s; %d threads, %s%n",
                seconds,
                gflop / seconds,
                100 * gflop / seconds / peak,
                peak,
                copy,
                Native.sk_threads(),
                Kernels.isa()));
        return text.toString();
    }

    private static String rate(double value, double limit) {
        return Double.isNaN(limit)
                ? String.format(Locale.ROOT, "%.1f", value)
                : String.format(Locale.ROOT, "%.1f (%.0f%%)", value, 100 * value / limit);
    }
}
