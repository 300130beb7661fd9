package sdae.bench;

import sdae.kernels.Kernels;
import sdae.kernels.Native;
import sdae.report.Numbers;
import sdae.tensor.DType;

/**
 * What this machine can do at most: what figures are held against. Of a CPU it is measured; the bf16 peak is that of the
 * instruction set in use (tiles, {@code vdpbf16ps}); earlier results have none, NaN, and are held against fp32. Of a GPU it is
 * what its data sheet says; all NaN where there is none.
 *
 * @param f32 GFLOP/s of fp32 multiply-adds, all threads; of a GPU outside its tensor cores
 * @param bf16 the same of bf16 products summed in fp32
 * @param copy GB/s read and written by a copy of memory far larger than a cache
 */
record Limits(double f32, double bf16, double copy, Source source) {
    /** Where limits come from, and what they are called. */
    enum Source {
        MEASURED("FMA peak", "copy bandwidth"),
        DATA_SHEET("data-sheet peak", "data-sheet bandwidth");

        private final String peak;
        private final String bandwidth;

        Source(String peak, String bandwidth) {
            this.peak = peak;
            this.bandwidth = bandwidth;
        }

        String peak() {
            return peak;
        }

        String bandwidth() {
            return bandwidth;
        }
    }

    static final Limits UNKNOWN = new Limits(Double.NaN, Double.NaN, Double.NaN);

    private static final double SECONDS = 1;

    /** Measured ones. */
    Limits(double f32, double bf16, double copy) {
        this(f32, bf16, copy, Source.MEASURED);
    }

    static Limits measure(int threads) {
        Kernels.load();
        Native.sk_set_threads(threads);
        return new Limits(
                Native.sk_probe_fma_gflops(SECONDS),
                Native.sk_probe_bf16_gflops(SECONDS),
                Native.sk_probe_copy_gbs(SECONDS));
    }

    boolean known() {
        return Double.isFinite(f32) && Double.isFinite(copy);
    }

    double peak(DType dtype) {
        return dtype == DType.BF16 && Double.isFinite(bf16) ? bf16 : f32;
    }

    /** FLOP a byte at which the two roofs meet. */
    double ridge(DType dtype) {
        return peak(dtype) / copy;
    }

    /** The share of the nearer roof that the result reaches, and which roof that is; its plain figures where none is known. */
    String share(Result result) {
        Case timed = result.timed();
        if (!known()) {
            return plain(result);
        }
        if (timed.kernel() == Kernel.STEP
                || (timed.bytes() > 0 && timed.flops() / timed.bytes() >= ridge(timed.dtype()))) {
            return percent(result.gigaflops() / peak(timed.dtype())) + " of " + source.peak();
        }
        return timed.bytes() > 0 ? percent(result.gigabytes() / copy) + " of " + source.bandwidth() : "";
    }

    private static String plain(Result result) {
        String rate = result.timed().bytes() > 0 ? Numbers.format(result.gigabytes()) + " GB/s" : "";
        String work = result.timed().flops() > 0 ? Numbers.format(result.gigaflops()) + " GFLOP/s" : "";
        return rate + (rate.isEmpty() || work.isEmpty() ? "" : ", ") + work;
    }

    /** {@code 310 GFLOP/s fp32, 3,100 GFLOP/s bf16, 45 GB/s copy}. */
    String text() {
        String low = Double.isFinite(bf16) ? ", " + Numbers.format(bf16) + " GFLOP/s bf16" : "";
        return Numbers.format(f32) + " GFLOP/s fp32" + low + ", " + Numbers.format(copy) + " GB/s copy";
    }

    static String percent(double share) {
        return Double.isFinite(share) ? Math.round(100 * share) + " %" : "?";
    }
}
