package sdae.bench;

import java.util.Map;

/** What a whole step costs, and what can be said of its result without a reference. */
final class StepCost {
    private StepCost() {}

    /**
     * FLOPs of the products of one step: forward once for the teacher, three times (forward, both gradients) for student and
     * decoder; patches are embedded where they are used, all decoder tokens count.
     */
    static double flops(NamedShape s) {
        double images = s.size("B");
        double visible = s.size("V");
        double masked = s.size("M");
        double folds = s.size("K");
        double width = s.size("D");
        double decoder = s.size("Dd");
        double patchValues = s.size("C") * s.size("p") * s.size("p");
        double student = blocks(s.size("depth"), 1 + visible, width) + 2 * visible * patchValues * width;
        double teacher = folds * blocks(s.size("depth"), 1 + masked / folds, width) + 2 * masked * patchValues * width;
        double decoding = 2 * (1 + visible) * width * decoder
                + blocks(s.size("decoderDepth"), 1 + s.size("L"), decoder)
                + 2 * masked * decoder * width;
        return images * (3 * (student + decoding) + teacher);
    }

    /** Products of transformer blocks over a sequence: 24 N D^2 in the layers, 4 N^2 D in attention. */
    private static double blocks(int depth, double tokens, double width) {
        return depth * (24 * tokens * width * width + 4 * tokens * tokens * width);
    }

    /** A cosine loss is in [0, 2]; a normalised picture is finite and not one colour. */
    static String fault(Kernel kernel, Map<String, double[]> outputs) {
        String name = kernel == Kernel.STEP ? "loss" : "pixels";
        double[] values = outputs.get(name);
        if (values == null) {
            return "no " + name + " among " + outputs.keySet();
        }
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (double value : values) {
            if (!Double.isFinite(value)) {
                return name + " is " + value;
            }
            low = Math.min(low, value);
            high = Math.max(high, value);
        }
        if (kernel == Kernel.STEP && (low < 0 || high > 2)) {
            return "loss must be in [0, 2], but is " + values[0];
        }
        return kernel == Kernel.LOAD && low == high ? "all pixels are " + low : null;
    }
}
