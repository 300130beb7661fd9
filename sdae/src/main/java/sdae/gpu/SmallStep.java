package sdae.gpu;

import java.util.LinkedHashMap;
import java.util.Map;
import sdae.model.DropPath;
import sdae.model.ModelSpec;
import sdae.model.Objective;
import sdae.model.SdaeModel;
import sdae.nn.AdamW;
import sdae.nn.Ema;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Graph;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.PatchMask;

/**
 * Whole training steps of a small model, forward, backward, AdamW and EMA: what a device must do as the CPU does. From the third
 * step on addresses repeat, so a graph can be made of its launches.
 */
public final class SmallStep {
    private static final ModelSpec SPEC = ModelSpec.of(24, 24, 3, 4, 48, 2, 3, 32, 1, 2);
    private static final int IMAGES = 3;
    private static final int VISIBLE = 9;
    private static final int MASKED = 27;
    private static final int FOLDS = 3;
    private static final int STEPS = 4;
    private static final int FIRST_REPLAYED = 3;
    private static final int KEY = 4;
    private static final long SEED = 11;

    /** Large beside most gradients: with AdamW's usual 1e-8 the first step is a sign, which rounding can turn. */
    private static final double EPS = 1e-3;

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

    private SmallStep() {}

    /** The objectives that are tried, by name. */
    public static Map<String, Objective> objectives() {
        Map<String, Objective> objectives = new LinkedHashMap<>();
        objectives.put("sdae step", Objective.Sdae.official(FOLDS));
        objectives.put("mae step", new Objective.Mae(true));
        return objectives;
    }

    /** Losses, gradients and weights by name, in the order in which they come about. */
    public static Map<String, float[]> run(Backend backend, Objective objective, DType dtype) {
        return run(backend, objective, dtype, false);
    }

    /** The same with steps replayed as graphs; null where the device has none. */
    public static Map<String, float[]> replayed(Backend backend, Objective objective, DType dtype) {
        return run(backend, objective, dtype, true);
    }

    private static Map<String, float[]> run(Backend backend, Objective objective, DType dtype, boolean graphs) {
        Map<String, float[]> results = new LinkedHashMap<>();
        try (SdaeModel model = new SdaeModel(backend, SPEC, objective, false, dtype);
                AdamW adamw = new AdamW(backend, model.student(), SCALES, 0.9, 0.95, EPS);
                Arena arena = new Arena(backend);
                Inputs inputs = new Inputs(backend)) {
            model.init(SEED, false);
            Ema ema = model.teacher() == null
                    ? null
                    : new Ema(backend, model.teacher().values(), model.studentPrefix());
            Graph gradients = null;
            Graph update = null;
            for (int step = 1; step <= STEPS; step++) {
                inputs.set(step);
                model.student().zeroGrad();
                if (graphs && step == FIRST_REPLAYED) {
                    gradients = backend.capture(() -> accumulate(model, arena, inputs));
                    update = gradients == null ? null : backend.capture(() -> adamw.apply(false));
                    if (update == null) {
                        return null;
                    }
                }
                if (gradients == null) {
                    accumulate(model, arena, inputs);
                } else {
                    gradients.launch();
                }
                results.put("loss of step " + step, inputs.loss.toFloats());
                gradients(results, model, step);
                adamw.prepare(1e-2, 0.04, 1, Double.NaN);
                if (update == null) {
                    adamw.apply(false);
                } else {
                    update.launch();
                }
                if (ema != null) {
                    ema.update(0.9);
                }
            }
            if (gradients != null) {
                gradients.close();
                update.close();
            }
            results.put("student", model.student().values().toFloats());
            results.put("AdamW's m", adamw.firstMoments().toFloats());
            results.put("AdamW's v", adamw.secondMoments().toFloats());
            if (ema != null) {
                results.put("teacher", model.teacher().values().toFloats());
                ema.close();
            }
        }
        return results;
    }

    /** What a step reads, and its loss, at places that stay. */
    private static final class Inputs implements AutoCloseable {
        final Tensor images;
        final Tensor ids;
        final Tensor key;
        final Tensor uniform;
        final Tensor loss;

        Inputs(Backend backend) {
            images = Tensor.persistent(
                    backend, DType.F32, IMAGES, SPEC.channels(), SPEC.imageHeight(), SPEC.imageWidth());
            ids = Tensor.persistent(backend, DType.I32, IMAGES);
            key = Tensor.persistent(backend, DType.I32, KEY);
            uniform = Tensor.persistent(backend, DType.F32, 2 * SPEC.depth() * IMAGES);
            loss = Tensor.persistent(backend, DType.F32, 1);
        }

        void set(int step) {
            float[] pixels = new float[images.count()];
            Philox random = new Philox(SEED, Philox.Purpose.EVALUATION, step, 0);
            for (int i = 0; i < pixels.length; i++) {
                pixels[i] = (float) random.gaussian();
            }
            images.set(pixels);
            int[] samples = new int[IMAGES];
            for (int i = 0; i < IMAGES; i++) {
                samples[i] = i;
            }
            ids.set(samples);
            key.set(new int[] {(int) SEED, 0, step, Philox.Purpose.MASK.code});
            float[] flat = new float[uniform.count()];
            float[][][] drawn = DropPath.uniform(SPEC.depth(), SEED, step, samples);
            for (int i = 0; i < 2 * SPEC.depth(); i++) {
                System.arraycopy(drawn[i / 2][i % 2], 0, flat, i * IMAGES, IMAGES);
            }
            uniform.set(flat);
        }

        @Override
        public void close() {
            for (Tensor t : new Tensor[] {images, ids, key, uniform, loss}) {
                t.close();
            }
        }
    }

    private static void accumulate(SdaeModel model, Arena arena, Inputs inputs) {
        try (Tape tape = arena.open()) {
            Tensor noise = tape.empty(DType.F32, IMAGES, SPEC.patches());
            tape.backend().randomUniform(noise, inputs.ids, inputs.key);
            SdaeModel.Forward out = model.forward(
                    tape.input(inputs.images),
                    PatchMask.of(noise, VISIBLE, MASKED),
                    DropPath.of(
                            tape,
                            SPEC.depth(),
                            0.3,
                            (block, branch) -> inputs.uniform.slice((2 * block + branch) * IMAGES, IMAGES)));
            inputs.loss.set(out.loss());
            tape.backward(out.loss());
        }
    }

    private static void gradients(Map<String, float[]> results, SdaeModel model, int step) {
        model.student().parameters().forEach((name, parameter) -> {
            if (parameter.trainable()) {
                results.put(
                        "gradient of " + name + " in step " + step,
                        parameter.grad().toFloats());
            }
        });
    }
}
