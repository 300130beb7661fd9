package sdae.bench;

import java.util.Map;
import sdae.model.DropPath;
import sdae.model.ModelSpec;
import sdae.model.Objective;
import sdae.model.SdaeModel;
import sdae.nn.AdamW;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.PatchMask;

/** One training step of SdAE on random images that are in memory: forward, backward, AdamW with the teacher's average. */
final class StepWork implements Work {
    private static final long SEED = 1;
    private static final double RATE = 1.5e-4;
    private static final double DECAY = 0.05;
    private static final double MOMENTUM = 0.96;

    private static final AdamW.Scales SCALES = new AdamW.Scales() {
        @Override
        public double lr(ParameterBuffer.Segment segment) {
            return 1;
        }

        @Override
        public double decay(ParameterBuffer.Segment segment) {
            return segment.name().endsWith(".no-decay") ? 0 : 1;
        }
    };

    private final Case timed;
    private final SdaeModel model;
    private final AdamW adamw;
    private final Arena arena;
    private final Tensor images;
    private final Tensor ids;
    private final Tensor key;
    private int steps;
    private double loss = Double.NaN;

    StepWork(Case timed, Backend backend) {
        this.timed = timed;
        int side = timed.size("side");
        ModelSpec spec = ModelSpec.of(
                side,
                side,
                timed.size("C"),
                timed.size("p"),
                timed.size("D"),
                timed.size("depth"),
                timed.size("H"),
                timed.size("Dd"),
                timed.size("decoderDepth"),
                timed.size("decoderH"));
        model = new SdaeModel(backend, spec, Objective.Sdae.official(timed.size("K")), false, timed.dtype());
        adamw = new AdamW(backend, model.student(), model.teacher(), SCALES, 0.9, 0.95, 1e-8);
        model.init(SEED, false, false);
        arena = new Arena(backend);
        int batch = timed.size("B");
        images = Tensor.persistent(backend, DType.F32, batch, spec.channels(), side, side);
        ids = Tensor.persistent(backend, DType.I32, batch);
        key = Tensor.persistent(backend, DType.I32, 4);
        float[] pixels = new float[images.count()];
        Philox random = new Philox(SEED, Philox.Purpose.EVALUATION, 0, 0);
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.gaussian();
        }
        images.set(pixels);
        int[] samples = new int[batch];
        for (int i = 0; i < batch; i++) {
            samples[i] = i;
        }
        ids.set(samples);
    }

    @Override
    public void run() {
        steps++;
        key.set(new int[] {(int) SEED, 0, steps, Philox.Purpose.MASK.code});
        try (Tape tape = arena.open()) {
            Tensor noise = tape.empty(DType.F32, timed.size("B"), timed.size("L"));
            tape.backend().randomUniform(noise, ids, key);
            PatchMask mask = PatchMask.of(noise, timed.size("V"), timed.size("M"));
            SdaeModel.Forward out = model.forward(tape.input(images), mask, DropPath.NONE);
            loss = out.loss().item();
            tape.backward(out.loss());
        }
        adamw.prepare(RATE, DECAY, 1, MOMENTUM);
        adamw.apply(true);
    }

    @Override
    public Map<String, double[]> outputs() {
        return Map.of("loss", new double[] {loss});
    }

    @Override
    public void close() {
        images.close();
        ids.close();
        key.close();
        arena.close();
        adamw.close();
        model.close();
    }
}
