package sdae.gpu;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import sdae.model.Objective;
import sdae.tensor.Backend;

/**
 * A whole step on a device against the CPU's.
 *
 * @param worst largest difference over what is allowed
 * @param fault what went wrong, null if nothing did
 */
public record StepCheck(String name, double loss, double worst, String fault, double seconds) {
    /** Of a tensor's largest value: some dozens of F32 kernels in a row, forward and backward. */
    private static final double ALLOWED = 1e-4;

    /** Of the largest value of all gradients: some are zero but for rounding (the key's bias). */
    private static final double FLOOR = 1e-6;

    /** Never throws for what the device does. */
    static StepCheck of(String name, Objective objective, Backend device, Backend cpu) {
        long start = System.nanoTime();
        try {
            Map<String, float[]> expected = SmallStep.run(cpu, objective);
            Map<String, float[]> actual = SmallStep.run(device, objective);
            Map<String, float[]> again = SmallStep.run(device, objective);
            double loss = actual.values().iterator().next()[0];
            Difference worst = worst(expected, actual);
            String fault = worst.ratio > 1 ? worst.text : differentBits(actual, again);
            return new StepCheck(name, loss, worst.ratio, fault, since(start));
        } catch (RuntimeException e) {
            return new StepCheck(name, Double.NaN, Double.NaN, "throws " + e, since(start));
        }
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

    private static String differentBits(Map<String, float[]> first, Map<String, float[]> second) {
        for (Map.Entry<String, float[]> entry : first.entrySet()) {
            if (!Arrays.equals(entry.getValue(), second.get(entry.getKey()))) {
                return entry.getKey() + " has other bits when run again";
            }
        }
        return null;
    }

    private static double since(long start) {
        return (System.nanoTime() - start) * 1e-9;
    }
}
