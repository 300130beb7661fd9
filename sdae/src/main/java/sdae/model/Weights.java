package sdae.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import sdae.nn.Init;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer.Segment;

/** Which parameter is treated how: decay groups, flat order, initial values by kind. */
public final class Weights {
    private Weights() {}

    /**
     * AdamW decay in pretraining: none for tensors of one size and names ending in {@code .bias}; class and mask token are
     * decayed unless {@code skipTokens}.
     */
    public static boolean decays(Parameter p, boolean skipTokens) {
        boolean token = p.name().equals("cls_token") || p.name().equals("mask_token");
        return p.shape().rank() > 1 && !p.name().endsWith(".bias") && !(skipTokens && token);
    }

    /** [fixed | decay | no decay] of a part, as three segments {@code <part>.fixed} and so on. */
    static List<Segment> segments(String part, List<Parameter> fixed, List<Parameter> weights, boolean skipTokens) {
        List<Segment> segments = new ArrayList<>();
        segments.add(new Segment(part + ".fixed", false, fixed));
        segments.add(new Segment(part + ".decay", true, filter(weights, p -> decays(p, skipTokens))));
        segments.add(new Segment(part + ".no-decay", true, filter(weights, p -> !decays(p, skipTokens))));
        return segments;
    }

    /** The segments of an encoder that is only looked with. */
    public static List<Segment> encoderSegments(Encoder encoder) {
        return encoderSegments(encoder, List.of());
    }

    /** The same, and of what comes behind it. */
    public static List<Segment> encoderSegments(Encoder encoder, List<Parameter> behind) {
        List<Parameter> weights = new ArrayList<>(encoder.weights());
        weights.addAll(behind);
        return segments("encoder", List.of(encoder.posEmbed()), weights, false);
    }

    private static List<Parameter> filter(List<Parameter> parameters, Predicate<Parameter> wanted) {
        return parameters.stream().filter(wanted).toList();
    }

    static boolean isMatrix(Parameter p) {
        return p.shape().rank() == 2;
    }

    /** Xavier-uniform matrices (and the patch projection), zero biases, norms 1 and 0. */
    static void initLayer(Init init, Parameter p) {
        if (p.shape().rank() > 1) {
            init.xavierUniform(p);
        } else {
            boolean gain = p.name().endsWith("norm.weight")
                    || p.name().endsWith("norm1.weight")
                    || p.name().endsWith("norm2.weight");
            Init.constant(p, gain ? 1 : 0);
        }
    }
}
