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
import sdae.tensor.Graph;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.cuda.CudaBackend;
import sdae.tensor.op.PatchMask;

/**
 * One training step of SdAE on random images that are in memory: forward, backward, AdamW with the teacher's average. Where the
 * device has graphs, the launches are replayed from the third step on, as in training: the first measures memory, the second
 * uses its final place.
 */
final class StepWork implements Work {
    private static final long SEED = 1;
    private static final double RATE = 1.5e-4;
    private static final double DECAY = 0.05;
    private static final double MOMENTUM = 0.96;
    private static final int FIRST_REPLAYED = 3;

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
    private final Backend backend;
    private final SdaeModel model;
    private final AdamW adamw;
    private final Arena arena;
    private final Tensor images;
    private final Tensor ids;
    private final Tensor key;
    private final Tensor loss;
    private Graph gradients;
    private Graph update;
    private int steps;

    StepWork(Case timed, Backend backend) {
        this.timed = timed;
        this.backend = backend;
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
        model.init(SEED, false);
        arena = new Arena(backend);
        int batch = timed.size("B");
        images = Tensor.persistent(backend, DType.F32, batch, spec.channels(), side, side);
        ids = Tensor.persistent(backend, DType.I32, batch);
        key = Tensor.persistent(backend, DType.I32, 4);
        loss = Tensor.persistent(backend, DType.F32, 1);
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
        if (steps == FIRST_REPLAYED) {
            gradients = backend.capture(this::addGradients);
            update = backend.capture(this::update);
        }
        launch(gradients, this::addGradients);
        loss.item(); // training looks at it before it updates
        adamw.prepare(RATE, DECAY, 1, MOMENTUM);
        launch(update, this::update);
    }

    /** Whether launches are replayed by now. */
    boolean replays() {
        return gradients != null && update != null;
    }

    private static void launch(Graph graph, Runnable body) {
        if (graph == null) {
            body.run();
        } else {
            graph.launch();
        }
    }

    private void addGradients() {
        try (Tape tape = arena.open()) {
            Tensor noise = tape.empty(DType.F32, timed.size("B"), timed.size("L"));
            tape.backend().randomUniform(noise, ids, key);
            PatchMask mask = PatchMask.of(noise, timed.size("V"), timed.size("M"));
            SdaeModel.Forward out = model.forward(tape.input(images), mask, DropPath.NONE);
            loss.set(out.loss());
            tape.backward(out.loss());
        }
    }

    private void update() {
        adamw.apply(true);
    }

    /** On a CUDA device by its events, each step for itself; the host's part of a step is in it. */
    @Override
    public double[] time(int runs) {
        if (!(backend instanceof CudaBackend cuda)) {
            return Work.super.time(runs);
        }
        while (steps < FIRST_REPLAYED) {
            run();
        }
        double[] seconds = new double[runs];
        for (int i = 0; i < runs; i++) {
            seconds[i] = cuda.seconds(this::run);
        }
        return seconds;
    }

    @Override
    public Map<String, double[]> outputs() {
        return Map.of("loss", new double[] {loss.item()});
    }

    @Override
    public void close() {
        if (gradients != null) {
            gradients.close();
            update.close();
        }
        images.close();
        ids.close();
        key.close();
        loss.close();
        arena.close();
        adamw.close();
        model.close();
    }
}
