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
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.PatchMask;

/** Two whole training steps of a small model, forward, backward, AdamW and EMA: what a device must do as the CPU does. */
public final class SmallStep {
    private static final ModelSpec SPEC = ModelSpec.of(24, 24, 3, 4, 48, 2, 3, 32, 1, 2);
    private static final int IMAGES = 3;
    private static final int VISIBLE = 9;
    private static final int MASKED = 27;
    private static final int FOLDS = 3;
    private static final int STEPS = 2;
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
    public static Map<String, float[]> run(Backend backend, Objective objective) {
        Map<String, float[]> results = new LinkedHashMap<>();
        try (SdaeModel model = new SdaeModel(backend, SPEC, objective, false);
                AdamW adamw = new AdamW(backend, model.student(), SCALES, 0.9, 0.95, EPS);
                Arena arena = new Arena(backend)) {
            model.init(SEED, false, false);
            Ema ema = model.teacher() == null
                    ? null
                    : new Ema(backend, model.teacher().values(), model.studentPrefix());
            for (int step = 1; step <= STEPS; step++) {
                model.student().zeroGrad();
                results.put("loss of step " + step, new float[] {accumulate(model, arena, step)});
                gradients(results, model, step);
                adamw.step(1e-2, 0.04, 1);
                if (ema != null) {
                    ema.update(0.9);
                }
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

    private static float accumulate(SdaeModel model, Arena arena, int step) {
        int[] ids = new int[IMAGES];
        float[] pixels = new float[IMAGES * SPEC.channels() * SPEC.imageHeight() * SPEC.imageWidth()];
        Philox random = new Philox(SEED, Philox.Purpose.EVALUATION, step, 0);
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (float) random.gaussian();
        }
        for (int i = 0; i < IMAGES; i++) {
            ids[i] = i;
        }
        try (Tape tape = arena.open()) {
            Tensor images = tape.of(pixels, IMAGES, SPEC.channels(), SPEC.imageHeight(), SPEC.imageWidth());
            Tensor noise = tape.empty(DType.F32, IMAGES, SPEC.patches());
            int[] key = {(int) SEED, 0, step, Philox.Purpose.MASK.code};
            tape.backend().randomUniform(noise, tape.of(ids, ids.length), tape.of(key, key.length));
            SdaeModel.Forward out = model.forward(
                    images,
                    PatchMask.of(noise, VISIBLE, MASKED),
                    DropPath.draw(tape, SPEC.depth(), 0.3, SEED, step, ids));
            float loss = out.loss().item();
            tape.backward(out.loss());
            return loss;
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
