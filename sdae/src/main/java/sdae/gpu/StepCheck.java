package sdae.gpu;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import sdae.model.Objective;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.DType;

/**
 * Whole steps on a device: against the CPU's, or replayed as graphs against launched one by one, bit for bit.
 *
 * @param loss of the first step
 * @param worst largest difference over what is allowed; NaN where bits are compared
 * @param fault what went wrong, null if nothing did
 */
public record StepCheck(String name, DType dtype, double loss, double worst, String fault, double seconds) {
    /** Of a tensor's largest value: some dozens of F32 kernels in a row, forward and backward. */
    private static final double ALLOWED = 1e-4;

    /** Of the largest value of all gradients: some are zero but for rounding (the key's bias). */
    private static final double FLOOR = 1e-6;

    /**
     * Of BF16, by tensor: twice the error of the CPU, whose kernels store every activation as BF16 too, both errors in the L2
     * norm against an F32 step on the CPU. That is the rule for single kernels (error at most twice that of a BF16
     * composition); the share of {@link #FLOOR_BF16} is for tensors that are zero but for rounding.
     */
    private static final double TIMES = 2;

    /** Of the norm of the largest gradient: half a unit in the last place of BF16. */
    private static final double FLOOR_BF16 = 0x1p-9;

    /**
     * The step, and its replay where the device has graphs. Never throws for what the device does.
     *
     * @param cpu for activations of that type
     */
    static List<StepCheck> of(String name, Objective objective, DType dtype, Backend device, Backend cpu) {
        List<StepCheck> checks = new ArrayList<>();
        long start = System.nanoTime();
        try {
            Map<String, float[]> actual = SmallStep.run(device, objective, dtype);
            Map<String, float[]> again = SmallStep.run(device, objective, dtype);
            double loss = actual.values().iterator().next()[0];
            Difference worst = difference(objective, dtype, actual, cpu);
            String fault = worst.ratio > 1 ? worst.text : differentBits(actual, again, "run again");
            checks.add(new StepCheck(name, dtype, loss, worst.ratio, fault, since(start)));
            start = System.nanoTime();
            Map<String, float[]> replayed = SmallStep.replayed(device, objective, dtype);
            if (replayed != null) {
                String other = differentBits(actual, replayed, "replayed as graphs");
                checks.add(new StepCheck(name + " as graphs", dtype, loss, Double.NaN, other, since(start)));
            }
        } catch (RuntimeException e) {
            checks.add(new StepCheck(name, dtype, Double.NaN, Double.NaN, "throws " + e, since(start)));
        }
        return checks;
    }

    private static Difference difference(Objective objective, DType dtype, Map<String, float[]> actual, Backend cpu) {
        Map<String, float[]> onCpu = SmallStep.run(cpu, objective, dtype);
        if (dtype == DType.F32) {
            return worst(onCpu, actual);
        }
        return worstOfBf16(SmallStep.run(new CpuBackend(), objective, DType.F32), onCpu, actual);
    }

    private static Difference worstOfBf16(
            Map<String, float[]> exact, Map<String, float[]> onCpu, Map<String, float[]> actual) {
        double floor = FLOOR_BF16
                * exact.entrySet().stream()
                        .filter(e -> e.getKey().startsWith("gradient"))
                        .mapToDouble(e -> distance(e.getValue(), new float[e.getValue().length]))
                        .max()
                        .orElse(0);
        Difference worst = new Difference(0, "");
        for (Map.Entry<String, float[]> entry : exact.entrySet()) {
            double error = distance(actual.get(entry.getKey()), entry.getValue());
            double ofCpu = distance(onCpu.get(entry.getKey()), entry.getValue());
            double ratio = error / (TIMES * ofCpu + floor);
            if (!(ratio <= worst.ratio)) { // NaN too
                String text = String.format(
                        Locale.ROOT,
                        "%s is %.3g from the F32 step in the L2 norm, the CPU in BF16 %.3g",
                        entry.getKey(),
                        error,
                        ofCpu);
                worst = new Difference(Double.isNaN(ratio) ? Double.POSITIVE_INFINITY : ratio, text);
            }
        }
        return worst;
    }

    /** The L2 norm of a - b. */
    private static double distance(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            double d = (double) a[i] - b[i];
            sum += d * d;
        }
        return Math.sqrt(sum);
    }

    boolean ok() {
        return fault == null;
    }

    private record Difference(double ratio, String text) {}

    private static Difference worst(Map<String, float[]> expected, Map<String, float[]> actual) {
        double floor = FLOOR
                * expected.entrySet().stream()
                        .filter(e -> e.getKey().startsWith("gradient"))
                        .mapToDouble(e -> largest(e.getValue()))
                        .max()
                        .orElse(0);
        Difference worst = new Difference(0, "");
        for (Map.Entry<String, float[]> entry : expected.entrySet()) {
            float[] wanted = entry.getValue();
            float[] got = actual.get(entry.getKey());
            double allowed = ALLOWED * largest(wanted) + floor;
            for (int i = 0; i < wanted.length; i++) {
                double error = Math.abs((double) got[i] - wanted[i]) / allowed;
                if (!(error <= worst.ratio)) { // NaN too
                    worst = new Difference(
                            Double.isNaN(error) ? Double.POSITIVE_INFINITY : error,
                            String.format(
                                    Locale.ROOT,
                                    "%s[%d] is %.7g, on the CPU %.7g",
                                    entry.getKey(),
                                    i,
                                    got[i],
                                    wanted[i]));
                }
            }
        }
        return worst;
    }

    private static double largest(float[] values) {
        double largest = 0;
        for (float v : values) {
            largest = Math.max(largest, Math.abs(v));
        }
        return largest;
    }

    private static String differentBits(Map<String, float[]> first, Map<String, float[]> second, String how) {
        for (Map.Entry<String, float[]> entry : first.entrySet()) {
            if (!Arrays.equals(entry.getValue(), second.get(entry.getKey()))) {
                return entry.getKey() + " has other bits when " + how;
            }
        }
        return null;
    }

    private static double since(long start) {
        return (System.nanoTime() - start) * 1e-9;
    }
}
