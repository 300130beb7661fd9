package sdae.tensor.check;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import sdae.tensor.Backend;

/** Runs a case on a device and holds what comes out against the reference and against another device. */
public final class KernelCheck {
    /**
     * @param worst largest error over what is allowed, of all outputs; above 1 the case fails
     * @param peer largest difference to the other device in the same unit; NaN without one
     * @param fault what went wrong, null if nothing did
     */
    public record Outcome(KernelCase tested, double worst, double peer, String fault, double seconds) {
        public boolean ok() {
            return fault == null;
        }
    }

    private KernelCheck() {}

    /** Never throws for what the kernel does. {@code peer} nullable. */
    public static Outcome check(KernelCase tested, Backend device, Backend peer) {
        long start = System.nanoTime();
        try {
            return compare(tested, device, peer, start);
        } catch (RuntimeException e) {
            return new Outcome(tested, Double.NaN, Double.NaN, "throws " + e, since(start));
        }
    }

    /** What is wrong with values of an output that may be off by {@code slack} times the slot's tolerance; null if nothing is. */
    public static String fault(Slot slot, double[] expected, double[] actual, double slack) {
        Worst worst = Worst.of(slot, expected, actual);
        return worst.ratio() <= slack ? null : worst.describe(slot, expected, actual);
    }

    private static Outcome compare(KernelCase tested, Backend device, Backend peer, long start) {
        Values inputs = tested.inputs();
        Values expected = tested.expected(inputs);
        Map<String, double[]> actual = new TreeMap<>();
        String fault = null;
        try (KernelCase.Loaded loaded = tested.load(device, inputs)) {
            loaded.run();
            for (Slot slot : tested.slots()) {
                actual.put(slot.name(), loaded.read(slot.name()));
                if (!slot.written() && !Arrays.equals(inputs.of(slot.name()), actual.get(slot.name()))) {
                    fault = slot.name() + " is an input, but was changed";
                }
            }
            loaded.reset();
            loaded.run();
            fault = sameBits(tested, loaded, actual, "run again", fault);
            loaded.reset();
            if (loaded.replay()) {
                fault = sameBits(tested, loaded, actual, "replayed as a graph", fault);
            }
        }
        double worst = 0;
        double versusPeer = peer == null ? Double.NaN : 0;
        Map<String, double[]> other = peer == null ? null : outputs(tested, peer, inputs);
        for (Slot slot : tested.slots()) {
            if (slot.written()) {
                double[] wanted = expected.of(slot.name());
                double[] got = actual.get(slot.name());
                Worst error = Worst.of(slot, wanted, got);
                worst = Math.max(worst, error.ratio());
                if (error.ratio() > 1) {
                    fault = error.describe(slot, wanted, got);
                }
                if (other != null) {
                    versusPeer = Math.max(
                            versusPeer,
                            Worst.of(slot, other.get(slot.name()), got).ratio());
                }
            }
        }
        return new Outcome(tested, worst, versusPeer, fault, since(start));
    }

    private static String sameBits(
            KernelCase tested, KernelCase.Loaded loaded, Map<String, double[]> first, String how, String fault) {
        String found = fault;
        for (Slot slot : tested.slots()) {
            if (slot.written() && !Arrays.equals(loaded.read(slot.name()), first.get(slot.name()))) {
                found = slot.name() + " has other bits when " + how;
            }
        }
        return found;
    }

    /** What the kernel writes, by name. */
    static Map<String, double[]> outputs(KernelCase tested, Backend device, Values inputs) {
        Map<String, double[]> outputs = new TreeMap<>();
        try (KernelCase.Loaded loaded = tested.load(device, inputs)) {
            loaded.run();
            for (Slot slot : tested.slots()) {
                if (slot.written()) {
                    outputs.put(slot.name(), loaded.read(slot.name()));
                }
            }
        }
        return outputs;
    }

    /** Where a tensor is furthest off, and how much of what is allowed. */
    private record Worst(int at, double ratio) {
        static Worst of(Slot slot, double[] expected, double[] actual) {
            double largest = 1e-30;
            for (double e : expected) {
                largest = Math.max(largest, Math.abs(e));
            }
            double allowed = slot.tolerance().relative() * largest;
            int at = 0;
            double worst = 0;
            for (int i = 0; i < expected.length; i++) {
                double ratio = ratio(expected[i], actual[i], allowed);
                if (ratio > worst) {
                    worst = ratio;
                    at = i;
                }
            }
            return new Worst(at, worst);
        }

        private static double ratio(double expected, double actual, double allowed) {
            if (allowed == 0) {
                return actual == (float) expected || actual == expected ? 0 : Double.POSITIVE_INFINITY;
            }
            double error = Math.abs(actual - expected);
            return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error / allowed;
        }

        String describe(Slot slot, double[] expected, double[] actual) {
            return String.format(
                    Locale.ROOT,
                    "%s%s of %s is %s, expected %s",
                    slot.name(),
                    Arrays.toString(position(slot, at)),
                    slot.shape(),
                    number(actual[at]),
                    number(expected[at]));
        }

        private static int[] position(Slot slot, int flat) {
            int[] position = slot.shape().sizes();
            int rest = flat;
            for (int i = position.length - 1; i >= 0; i--) {
                int size = position[i];
                position[i] = rest % size;
                rest /= size;
            }
            return position;
        }

        private static String number(double value) {
            return value == Math.rint(value) && Math.abs(value) < 1e9
                    ? Long.toString((long) value)
                    : String.format(Locale.ROOT, "%.7g", value);
        }
    }

    private static double since(long start) {
        return (System.nanoTime() - start) * 1e-9;
    }
}
