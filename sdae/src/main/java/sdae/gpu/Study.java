package sdae.gpu;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.function.ToLongFunction;
import sdae.tensor.Backend;
import sdae.tensor.check.KernelCase;
import sdae.tensor.check.Simulator;

/** A case that ran on the simulated device: what each of its launches did. */
public record Study(KernelCase studied, List<Counts> kernels) {
    private static final double MICRO = 1e6;

    /** Runs the case once; the simulator must be open as {@code device}. */
    public static Study of(KernelCase studied, Backend device) throws IOException {
        try (KernelCase.Loaded loaded = studied.load(device, studied.inputs())) {
            Simulator.reset();
            loaded.run();
            return new Study(studied, Counts.of(Simulator.report()));
        }
    }

    public long sum(ToLongFunction<Counts> value) {
        return kernels.stream().mapToLong(value).sum();
    }

    /**
     * The least time on a GPU in microseconds with the unit that sets it, for the case with {@code whole}'s sizes: its
     * compulsory bytes, and the counts of this one in proportion. Launches follow each other, so their bounds add up.
     */
    String bound(Gpu gpu, KernelCase whole) {
        double scale = studied.flops() > 0
                ? whole.flops() / studied.flops()
                : (double) whole.compulsoryBytes() / studied.compulsoryBytes();
        double seconds = 0;
        String limiter = "";
        double longest = -1;
        for (Counts counts : kernels) {
            double share = (double) counts.bytes() / sum(Counts::bytes);
            Gpu.Bound bound = gpu.bound(whole.compulsoryBytes() * share, counts, scale);
            seconds += bound.seconds();
            if (bound.seconds() > longest) {
                longest = bound.seconds();
                limiter = bound.limiter();
            }
        }
        return String.format(Locale.ROOT, "%.3g %s", MICRO * seconds, limiter);
    }

    /** Shares of the warp instructions, e.g. {@code mma 14, fp32 30}. */
    String mix() {
        double all = sum(Counts::warps);
        StringBuilder text = new StringBuilder();
        for (Counts.Unit unit : Counts.Unit.values()) {
            double warps =
                    kernels.stream().mapToDouble(k -> k.mix(unit).warps()).sum();
            long percent = Math.round(100 * warps / all);
            if (percent > 0) {
                text.append(unit.name().toLowerCase(Locale.ROOT))
                        .append(' ')
                        .append(percent)
                        .append(' ');
            }
        }
        return text.toString().strip();
    }
}
