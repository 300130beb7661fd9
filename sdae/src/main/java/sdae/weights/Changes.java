package sdae.weights;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import sdae.nn.Init;
import sdae.nn.LayerNorm;
import sdae.nn.Linear;
import sdae.nn.Positions;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;

/** What may be changed about a network while its weights are moved: the image size, the classes. */
final class Changes {
    /** Of a fresh head, as in fine-tuning: it starts with nearly equal scores. */
    private static final double HEAD_STD = 2e-5;

    private Changes() {}

    /** Gives the position tables another grid by bicubic interpolation; nothing else depends on it. */
    static void resizePositions(Map<String, Weight> weights, Sides from, Sides to) throws IOException {
        if (to.equals(from)) {
            return;
        }
        for (String name : List.of("pos_embed", "decoder_pos_embed")) {
            Weight table = weights.get(name);
            if (table != null && table.shape().size() == 3 && table.shape().get(1) == 1 + from.area()) {
                int width = Math.toIntExact(table.shape().get(2));
                float[] resized =
                        Positions.resize(table.values(), from.height(), from.width(), to.height(), to.width(), width);
                weights.put(name, Weight.of(name, List.of(1L, 1 + to.area(), (long) width), resized));
            }
        }
    }

    /** Makes the head one of {@code classes} rows: kept if it has as many, taken away for 0, else a fresh one. */
    static void resizeHead(Map<String, Weight> weights, int width, int classes) {
        Weight old = weights.get("head.weight");
        if (old != null && old.shape().get(0) == classes) {
            return;
        }
        weights.remove("head.weight");
        weights.remove("head.bias");
        if (classes > 0) {
            Linear head = Linear.of("head", width, classes);
            fresh(
                    List.of(head.weight(), head.bias()),
                    init -> {
                        init.truncatedNormal(head.weight(), HEAD_STD, 2);
                        Init.constant(head.bias(), 0);
                    },
                    weights);
        }
    }

    /** Initial values, as a student starts with, for these tensors of a network. */
    static void initialise(Map<String, Weight> weights, Network network, List<String> names) {
        var encoder = new sdae.model.Encoder(network.spec(), !network.pooled());
        List<Parameter> all = new java.util.ArrayList<>(List.of(encoder.posEmbed()));
        all.addAll(encoder.weights());
        LayerNorm norm = LayerNorm.of("fc_norm", network.spec().width());
        all.addAll(norm.parameters());
        var decoder = new sdae.model.Decoder(network.spec(), Math.max(1, network.outputs()));
        all.add(decoder.posEmbed());
        all.addAll(decoder.weights());
        Map<String, Weight> initial = new java.util.HashMap<>();
        fresh(
                all,
                init -> {
                    encoder.initStudent(init, false);
                    decoder.init(init);
                    Init.constant(norm.gamma(), 1);
                    Init.constant(norm.beta(), 0);
                },
                initial);
        if (network.classes() > 0) {
            resizeHead(initial, network.spec().width(), network.classes());
        }
        names.forEach(name -> weights.put(name, initial.get(name)));
    }

    private interface Fill {
        void with(Init init);
    }

    private static void fresh(List<Parameter> parameters, Fill fill, Map<String, Weight> into) {
        Backend backend = new CpuBackend();
        try (ParameterBuffer memory =
                new ParameterBuffer(backend, false, List.of(new ParameterBuffer.Segment("fresh", false, parameters)))) {
            fill.with(new Init(0));
            for (Parameter p : memory.parameters().values()) {
                List<Long> shape = java.util.Arrays.stream(p.shape().sizes())
                        .mapToObj(Long::valueOf)
                        .toList();
                into.put(p.name(), Weight.of(p.name(), shape, p.value().toFloats()));
            }
        }
    }
}
