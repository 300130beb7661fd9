package sdae.bench;

import sdae.kernels.Kernels;
import sdae.kernels.Native;
import sdae.report.Numbers;
import sdae.tensor.DType;

/**
 * What this machine can do at most, measured: what figures are held against. The bf16 peak is that of the instruction set
 * in use (tiles, {@code vdpbf16ps}); earlier results have none, NaN, and are held against fp32.
 *
 * @param f32 GFLOP/s of fp32 multiply-adds, all threads
 * @param bf16 the same of bf16 products summed in fp32
 * @param copy GB/s read and written by a copy of memory far larger than a cache
 */
record Limits(double f32, double bf16, double copy) {
    static final Limits UNKNOWN = new Limits(Double.NaN, Double.NaN, Double.NaN);

    private static final double SECONDS = 1;

    static Limits measure(int threads) {
        Kernels.load();
        Native.sk_set_threads(threads);
        return new Limits(
                Native.sk_probe_fma_gflops(SECONDS),
                Native.sk_probe_bf16_gflops(SECONDS),
                Native.sk_probe_copy_gbs(SECONDS));
    }

    double peak(DType dtype) {
        return dtype == DType.BF16 && Double.isFinite(bf16) ? bf16 : f32;
    }

    /** FLOP a byte at which the two roofs meet. */
    double ridge(DType dtype) {
        return peak(dtype) / copy;
    }

    /** The share of the nearer roof that the result reaches, and which roof that is. */
    String share(Result result) {
        Case timed = result.timed();
        if (timed.kernel() == Kernel.STEP
                || (timed.bytes() > 0 && timed.flops() / timed.bytes() >= ridge(timed.dtype()))) {
            return percent(result.gigaflops() / peak(timed.dtype())) + " of FMA peak";
        }
        return timed.bytes() > 0 ? percent(result.gigabytes() / copy) + " of copy" : "";
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
