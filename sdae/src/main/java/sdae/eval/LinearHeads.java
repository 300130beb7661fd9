package sdae.eval;

import java.util.ArrayList;
import java.util.List;
import sdae.data.Mixing;
import sdae.nn.AdamW;
import sdae.nn.Init;
import sdae.nn.Lars;
import sdae.nn.Linear;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.ParameterBuffer.Segment;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.BatchNormOp;
import sdae.tensor.op.CrossEntropyOp;

/**
 * Linear classifiers side by side behind one batch norm without gain and shift (MAE's probe): each head has its own learning
 * rate, all see the same batches and start from the same values, so one pass over the features tries every rate. Heads do
 * not touch each other: a head learns what it would learn alone.
 */
public final class LinearHeads implements AutoCloseable {
    /** The optimizer of the heads. */
    public enum Recipe {
        /** MAE's: momentum .9, trust .001. */
        LARS,
        /** beta .9, .999. */
        ADAMW
    }

    private static final float EPS = 1e-6f;
    private static final float NORM_MOMENTUM = 0.1f;
    private static final double HEAD_STD = 0.01;
    private static final int CHUNK = 256;

    private final Backend backend;
    private final int width;
    private final int classes;
    private final double[] factors;
    private final List<Linear> heads = new ArrayList<>();
    private final ParameterBuffer parameters;
    private final Tensor mean;
    private final Tensor var;
    private final Lars lars;
    private final AdamW adamw;
    private final Arena arena;

    /** One head a factor; a head's learning rate is the step's times its factor. */
    public LinearHeads(Backend backend, int width, int classes, Recipe recipe, double[] factors, long seed) {
        this.backend = backend;
        this.width = width;
        this.classes = classes;
        this.factors = factors.clone();
        List<Segment> segments = new ArrayList<>();
        for (int h = 0; h < factors.length; h++) {
            Linear head = Linear.of("head." + h, width, classes);
            heads.add(head);
            segments.add(new Segment("head." + h, true, head.parameters()));
        }
        parameters = new ParameterBuffer(backend, true, segments);
        mean = Tensor.persistent(backend, DType.F32, width);
        var = Tensor.persistent(backend, DType.F32, width);
        backend.fill(var, 1);
        lars = recipe == Recipe.LARS ? new Lars(backend, parameters, 0.9, 0.001) : null;
        adamw = recipe == Recipe.ADAMW ? new AdamW(backend, parameters, new Factors(), 0.9, 0.999, 1e-8) : null;
        arena = new Arena(backend);
        new Init(seed).truncatedNormal(heads.get(0).weight(), HEAD_STD, 2);
        for (Linear head : heads.subList(1, heads.size())) {
            head.weight().value().set(heads.get(0).weight().value());
        }
    }

    /** A segment is a head. */
    private final class Factors implements AdamW.Scales {
        @Override
        public double lr(Segment segment) {
            return factorOf(segment.name());
        }

        @Override
        public double decay(Segment segment) {
            return 1;
        }
    }

    /** Of a name that begins head.H. */
    private double factorOf(String name) {
        return factors[Integer.parseInt(name.split("\\.", -1)[1])];
    }

    public int count() {
        return heads.size();
    }

    /** A head's weight [classes, width] and bias [classes], trained in place. */
    public Linear head(int h) {
        return heads.get(h);
    }

    /** Running mean and variance of the batch norm, [width] each. */
    public Tensor[] running() {
        return new Tensor[] {mean, var};
    }

    /**
     * One update of every head on features [B, width] with these classes.
     *
     * @return the loss of each head
     */
    public double[] step(float[] features, int[] labels, double lr, double weightDecay) {
        double[] losses = new double[heads.size()];
        try (Tape tape = arena.open()) {
            Tensor x = tape.of(features, labels.length, width);
            Tensor normalised = BatchNormOp.apply(x, mean, var, EPS, NORM_MOMENTUM, true);
            Tensor targets = tape.of(Mixing.targets(labels, classes, 0, 1), labels.length, classes);
            Tensor[] each = new Tensor[losses.length];
            for (int h = 0; h < losses.length; h++) {
                each[h] = CrossEntropyOp.apply(heads.get(h).forward(normalised), targets);
                losses[h] = each[h].item();
            }
            for (Tensor loss : each) {
                Tensor one = tape.empty(DType.F32, 1);
                backend.fill(one, 1);
                tape.seed(loss, one);
            }
            tape.backward();
        }
        if (lars != null) {
            lars.step(p -> lr * factorOf(p.name()), weightDecay);
            parameters.zeroGrad();
        } else {
            adamw.step(lr, weightDecay, 1);
        }
        return losses;
    }

    /** Class scores [rows, classes] of a head, the batch norm at its running values. */
    public float[] scores(int head, float[] features) {
        int rows = features.length / width;
        float[] scores = new float[rows * classes];
        for (int start = 0; start < rows; start += CHUNK) {
            int count = Math.min(CHUNK, rows - start);
            try (Tape tape = arena.open()) {
                Tensor x = tape.empty(DType.F32, count, width).set(features, start * width);
                float[] some = tape.scoped(() ->
                                heads.get(head).forward(BatchNormOp.apply(x, mean, var, EPS, NORM_MOMENTUM, false)))
                        .toFloats();
                System.arraycopy(some, 0, scores, start * classes, some.length);
            }
        }
        return scores;
    }

    /** All heads' parameters, {@code head.H.weight} and {@code head.H.bias}. */
    public List<Parameter> parameters() {
        return List.copyOf(parameters.parameters().values());
    }

    @Override
    public void close() {
        arena.close();
        if (lars != null) {
            lars.close();
        } else {
            adamw.close();
        }
        mean.close();
        var.close();
        parameters.close();
    }
}
