package sdae.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import sdae.nn.AdamW;
import sdae.nn.Init;
import sdae.nn.LayerNorm;
import sdae.nn.Linear;
import sdae.nn.Schedules;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.ParameterBuffer.Segment;
import sdae.tensor.Tensor;
import sdae.tensor.op.ClassTokenOp;
import sdae.tensor.op.MeanPoolOp;

/**
 * The model of fine-tuning: an encoder whose position table is trained, pooled tokens, {@code fc_norm}, {@code head}. Its
 * segments are (layer, decay or not), so that layer-wise learning rates are one factor a segment.
 */
public final class Classifier implements AutoCloseable {
    /** What the head sees. */
    public enum Pool {
        MEAN,
        CLASS_TOKEN
    }

    private final Encoder encoder;
    private final LayerNorm norm;
    private final Linear head;
    private final ParameterBuffer parameters;

    public Classifier(Backend backend, ModelSpec spec, int classes) {
        this(backend, spec, classes, Pool.MEAN, DType.F32, true);
    }

    /**
     * The norm before the head is called as timm calls it: {@code fc_norm} after the mean, {@code norm} for the class token.
     *
     * @param trained false for a copy that is never trained, such as averaged weights
     */
    public Classifier(Backend backend, ModelSpec spec, int classes, Pool pool, DType dtype, boolean trained) {
        encoder = new Encoder(spec, false);
        norm = LayerNorm.of(pool == Pool.MEAN ? "fc_norm" : "norm", spec.width());
        head = Linear.of("head", spec.width(), classes);
        parameters = new ParameterBuffer(backend, trained, segments(spec, encoder, norm, head), dtype);
    }

    /** Initial values of pretraining, norm 1 and 0, head truncated-normal of that deviation and zero. */
    public void init(Init init, boolean zeroPatchBias, double headDeviation) {
        encoder.initStudent(init, zeroPatchBias);
        Init.constant(norm.gamma(), 1);
        Init.constant(norm.beta(), 0);
        init.truncatedNormal(head.weight(), headDeviation, 2);
        Init.constant(head.bias(), 0);
        parameters.round();
    }

    /** The segments of a classifier of these sizes, whose parameters have no memory: what it would be made of. */
    static List<Segment> segments(ModelSpec spec, int classes) {
        return segments(
                spec,
                new Encoder(spec, false),
                LayerNorm.of("fc_norm", spec.width()),
                Linear.of("head", spec.width(), classes));
    }

    private static List<Segment> segments(ModelSpec spec, Encoder encoder, LayerNorm norm, Linear head) {
        List<Parameter> all = new ArrayList<>(List.of(encoder.posEmbed()));
        all.addAll(encoder.weights());
        all.addAll(norm.parameters());
        all.addAll(head.parameters());
        Map<String, List<Parameter>> groups = new TreeMap<>();
        for (Parameter p : all) {
            String group = String.format(
                    "layer %03d %s", Schedules.layer(p.name(), spec.depth()), decays(p) ? "decay" : "no-decay");
            groups.computeIfAbsent(group, name -> new ArrayList<>()).add(p);
        }
        return groups.entrySet().stream()
                .map(e -> new Segment(e.getKey(), true, e.getValue()))
                .toList();
    }

    /**
     * What AdamW multiplies a segment's learning rate and weight decay with: decay^(depth + 1 - layer), and no weight decay
     * where {@link #decays} says so.
     */
    public static AdamW.Scales scales(int depth, double layerDecay) {
        return new AdamW.Scales() {
            @Override
            public double lr(Segment segment) {
                int layer = Schedules.layer(segment.parameters().get(0).name(), depth);
                return Schedules.layerScale(layer, depth, layerDecay);
            }

            @Override
            public double decay(Segment segment) {
                return decays(segment.parameters().get(0)) ? 1 : 0;
            }
        };
    }

    /** Weight decay in fine-tuning: none for tensors of one size, class token and position table. */
    public static boolean decays(Parameter p) {
        return p.shape().rank() > 1
                && !p.name().equals("cls_token")
                && !p.name().equals("pos_embed");
    }

    /** images [B, C, height, width] to pooled, normalised features [B, D]. */
    public Tensor features(Tensor images, Pool pool, DropPath dropPath) {
        Tensor tokens = encoder.forward(images, null, 1, dropPath);
        return norm.forward(pool == Pool.MEAN ? MeanPoolOp.apply(tokens) : ClassTokenOp.apply(tokens));
    }

    /** features [B, D] to class scores [B, classes]. */
    public Tensor logits(Tensor features) {
        return head.forward(features);
    }

    public ParameterBuffer parameters() {
        return parameters;
    }

    @Override
    public void close() {
        parameters.close();
    }
}
