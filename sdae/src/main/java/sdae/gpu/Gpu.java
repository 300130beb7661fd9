package sdae.gpu;

import java.util.List;

/**
 * Peaks of a GPU, for bounds. All: four warp instructions, 16 special functions and one 128-byte pass of shared memory a
 * clock and multiprocessor.
 *
 * @param clock GHz
 * @param bandwidth bytes a second of HBM
 * @param bf16 dense tensor-core FLOP/s of BF16, which mma.sync may not reach on newer parts; TF32 has half
 * @param fp32Lanes F32 operations a clock and multiprocessor
 */
public record Gpu(String name, int multiprocessors, double clock, double bandwidth, double bf16, int fp32Lanes) {
    private static final double GIGA = 1e9;

    /**
     * NVIDIA's data sheets: A100 80 GB SXM, 2.039 TB/s, 312 TFLOP/s; H100 SXM, 3.35 TB/s, 989 TFLOP/s; B200, 8 TB/s, 2,250
     * TFLOP/s dense. Multiprocessors, lanes and boost clocks: the architecture white papers; B200: 148 at 1.85 GHz.
     */
    public static final List<Gpu> ALL = List.of(
            new Gpu("A100-80", 108, 1.41, 2.039e12, 312e12, 64),
            new Gpu("H100", 132, 1.755, 3.35e12, 989e12, 128),
            new Gpu("B200", 148, 1.85, 8e12, 2250e12, 128));

    /** The least time in seconds that each unit needs, named; the largest of them bounds the kernel's time from below. */
    public record Bound(double memory, double tensor, double fp32, double special, double shared, double issue) {
        private static final String[] NAMES = {"HBM", "mma", "fp32", "sfu", "smem", "issue"};

        private double[] all() {
            return new double[] {memory, tensor, fp32, special, shared, issue};
        }

        public double seconds() {
            double largest = 0;
            for (double t : all()) {
                largest = Math.max(largest, t);
            }
            return largest;
        }

        /** The unit that needs longest. */
        public String limiter() {
            double[] times = all();
            int at = 0;
            for (int i = 1; i < times.length; i++) {
                at = times[i] > times[at] ? i : at;
            }
            return NAMES[at];
        }
    }

    /** @param bytes that must cross HBM; {@code scale} multiplies the counts */
    public Bound bound(double bytes, Counts counts, double scale) {
        double cycles = multiprocessors * clock * GIGA / scale;
        return new Bound(
                bytes / bandwidth,
                (counts.bf16Flops() + 2 * counts.tf32Flops()) * scale / bf16,
                counts.mix(Counts.Unit.FP32).lanes() / cycles / fp32Lanes,
                counts.mix(Counts.Unit.SPECIAL).lanes() / cycles / 16,
                counts.wavefronts() / cycles,
                counts.warps() / cycles / 4);
    }
}
