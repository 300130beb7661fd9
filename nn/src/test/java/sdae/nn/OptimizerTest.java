package sdae.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.DType;
import sdae.tensor.OpCheck;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.ParameterBuffer.Segment;
import sdae.tensor.Tensor;
import sdae.tensor.TestDevices;
import sdae.tensor.Tolerance;

/** AdamW over segments, LARS and EMA against the same in double. */
class OptimizerTest {
    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.95;
    private static final double EPS = 1e-8;
    private static final double DECAY = 0.1;
    private static final int STEPS = 20;
    /** Of the largest value: about 20 roundings to F32, one a step. */
    private static final double TOLERANCE = 2e-6;

    private static final AdamW.Scales SCALES = new AdamW.Scales() {
        @Override
        public double lr(Segment segment) {
            return segment.name().equals("front") ? 0.25 : 1;
        }

        @Override
        public double decay(Segment segment) {
            return segment.name().equals("front") ? 1 : 0;
        }
    };

    private final Backend backend = new CpuBackend();
    private final Random random = new Random(11);

    /** Sizes that are no multiple of any vector width, so that the gaps between parameters count. */
    private ParameterBuffer parameters() {
        ParameterBuffer buffer = new ParameterBuffer(
                backend,
                true,
                List.of(
                        new Segment("front", true, List.of(new Parameter("a", 3, 7), new Parameter("b", 2, 2))),
                        new Segment("fixed", false, List.of(new Parameter("pos", 5))),
                        new Segment("back", true, List.of(new Parameter("c", 37)))));
        buffer.parameters().values().forEach(p -> p.value().set(normal(p.shape().count())));
        return buffer;
    }

    private float[] normal(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static double lr(int step) {
        return 1e-2 / (1 + step);
    }

    private static AdamW adamw(Backend backend, ParameterBuffer parameters) {
        return new AdamW(backend, parameters, SCALES, BETA1, BETA2, EPS);
    }

    private Map<String, float[][]> gradients(ParameterBuffer parameters) {
        Map<String, float[][]> all = new TreeMap<>();
        parameters.parameters().forEach((name, p) -> {
            float[][] steps = new float[STEPS][];
            for (int t = 0; t < STEPS; t++) {
                steps[t] = normal(p.shape().count());
            }
            all.put(name, steps);
        });
        return all;
    }

    private static void setGradients(ParameterBuffer parameters, Map<String, float[][]> gradients, int step) {
        parameters.parameters().forEach((name, p) -> {
            if (p.trainable()) {
                p.grad().set(gradients.get(name)[step]);
            }
        });
    }

    private static double[] reference(float[] start, float[][] grads, double lrScale, double decay, double gradScale) {
        double[] w = OpCheck.doubles(start);
        double[] m = new double[w.length];
        double[] v = new double[w.length];
        for (int t = 0; t < grads.length; t++) {
            double lr = lr(t) * lrScale;
            for (int i = 0; i < w.length; i++) {
                double g = gradScale * grads[t][i];
                w[i] *= 1 - lr * decay;
                m[i] = BETA1 * m[i] + (1 - BETA1) * g;
                v[i] = BETA2 * v[i] + (1 - BETA2) * g * g;
                w[i] -= lr
                        / (1 - Math.pow(BETA1, t + 1))
                        * m[i]
                        / (Math.sqrt(v[i] / (1 - Math.pow(BETA2, t + 1))) + EPS);
            }
        }
        return w;
    }

    @Test
    void adamwScalesRateAndDecayBySegment() {
        TestDevices.forEachIsa(isa -> {
            try (ParameterBuffer p = parameters();
                    AdamW adamw = adamw(backend, p)) {
                Map<String, float[][]> gradients = gradients(p);
                Map<String, float[]> start = new TreeMap<>();
                p.parameters()
                        .forEach((name, one) -> start.put(name, one.value().toFloats()));
                for (int t = 0; t < STEPS; t++) {
                    setGradients(p, gradients, t);
                    adamw.step(lr(t), DECAY, 0.5);
                }
                for (String name : List.of("a", "b")) {
                    double[] expected = reference(start.get(name), gradients.get(name), 0.25, DECAY, 0.5);
                    Tolerance.assertClose(
                            name + " on " + isa, expected, p.get(name).value().toFloats(), TOLERANCE);
                }
                double[] expected = reference(start.get("c"), gradients.get("c"), 1, 0, 0.5);
                Tolerance.assertClose(
                        "c on " + isa, expected, p.get("c").value().toFloats(), TOLERANCE);
                assertArrayEquals(start.get("pos"), p.get("pos").value().toFloats());
                assertEquals(STEPS, adamw.steps());
                assertGapsAreZero(p);
            }
        });
    }

    private static void assertGapsAreZero(ParameterBuffer p) {
        float[] flat = p.values().toFloats();
        long used = 0;
        for (Parameter one : p.parameters().values()) {
            int at = (int) ((one.value().address() - p.values().address()) / Float.BYTES);
            int end = at + one.shape().count();
            for (int i = end; i < (end + 15) / 16 * 16; i++) {
                assertEquals(0, flat[i], "gap after " + one);
                used++;
            }
        }
        assertTrue(used > 0);
    }

    @Test
    void resumingWithMomentsAndStepCountEqualsNotStopping() {
        try (ParameterBuffer p = parameters();
                ParameterBuffer q = parameters();
                AdamW whole = adamw(backend, p);
                AdamW first = adamw(backend, q);
                AdamW second = adamw(backend, q)) {
            q.values().set(p.values());
            Map<String, float[][]> gradients = gradients(p);
            for (int t = 0; t < STEPS; t++) {
                setGradients(p, gradients, t);
                whole.step(lr(t), DECAY, 1);
                setGradients(q, gradients, t);
                if (t == STEPS / 2) {
                    second.firstMoments().set(first.firstMoments());
                    second.secondMoments().set(first.secondMoments());
                    second.resumeAt(first.steps());
                }
                (t < STEPS / 2 ? first : second).step(lr(t), DECAY, 1);
            }
            assertArrayEquals(p.values().toFloats(), q.values().toFloats());
        }
    }

    @Test
    void zeroGradientsLeaveOnlyTheDecay() {
        try (ParameterBuffer p = parameters();
                AdamW adamw = adamw(backend, p)) {
            float[] a = p.get("a").value().toFloats();
            float[] c = p.get("c").value().toFloats();
            p.zeroGrad();
            adamw.step(0.5, DECAY, 1);
            double[] decayed = OpCheck.doubles(a);
            for (int i = 0; i < decayed.length; i++) {
                decayed[i] *= 1 - 0.5 * 0.25 * DECAY;
            }
            Tolerance.assertClose("a", decayed, p.get("a").value().toFloats(), 1e-7);
            assertArrayEquals(c, p.get("c").value().toFloats());
        }
    }

    @Test
    void gradientNormIsOverEverySegment() {
        try (ParameterBuffer p = parameters();
                AdamW adamw = adamw(backend, p)) {
            double squares = 0;
            for (Parameter one : p.parameters().values()) {
                if (one.trainable()) {
                    float[] g = normal(one.shape().count());
                    one.grad().set(g);
                    for (float v : g) {
                        squares += (double) v * v;
                    }
                }
            }
            assertEquals(Math.sqrt(squares), adamw.gradientNorm(), 1e-12 * squares);
        }
    }

    @Test
    void larsNeitherScalesNorDecaysVectorsAndForgetsNoParameter() {
        try (ParameterBuffer p = parameters();
                Lars lars = new Lars(backend, p, 0.9, 0.001)) {
            float[] before = p.get("c").value().toFloats();
            float[] grad = normal(before.length);
            p.get("c").grad().set(grad);
            p.get("a").grad().set(normal(21));
            lars.step(0.5, DECAY);
            double[] expected = new double[before.length];
            for (int i = 0; i < expected.length; i++) {
                expected[i] = before[i] - 0.5 * grad[i];
            }
            Tolerance.assertClose("c", expected, p.get("c").value().toFloats(), 1e-6);
            assertArrayEquals(grad, lars.mu(p.get("c")).toFloats());
            assertEquals(
                    "lars: pos [5] is not among its parameters",
                    assertThrows(IllegalArgumentException.class, () -> lars.mu(p.get("pos")))
                            .getMessage());
        }
    }

    @Test
    void emaFollowsWithOneMinusMomentum() {
        TestDevices.forEachIsa(isa -> {
            Tensor teacher = Tensor.persistent(backend, DType.F32, 1003).set(normal(1003));
            Tensor student = Tensor.persistent(backend, DType.F32, 1003);
            try (Ema ema = new Ema(backend, teacher, student)) {
                double[] expected = OpCheck.doubles(teacher.toFloats());
                for (int t = 0; t < STEPS; t++) {
                    float[] s = normal(1003);
                    student.set(s);
                    double momentum = Schedules.cosine((double) t / STEPS, 0.96, 0.99);
                    ema.update(momentum);
                    for (int i = 0; i < s.length; i++) {
                        expected[i] = momentum * expected[i] + (1 - momentum) * s[i];
                    }
                }
                Tolerance.assertClose("ema on " + isa, expected, teacher.toFloats(), TOLERANCE);
                float[] before = teacher.toFloats();
                ema.update(1);
                assertArrayEquals(before, teacher.toFloats());
                ema.update(0);
                Tolerance.assertClose("copied", OpCheck.doubles(student.toFloats()), teacher.toFloats(), 1e-6);
            } finally {
                teacher.close();
                student.close();
            }
        });
    }

    @Test
    void emaNeedsTwoOfOneLength() {
        Tensor teacher = Tensor.persistent(backend, DType.F32, 3);
        Tensor student = Tensor.persistent(backend, DType.F32, 4);
        assertEquals(
                "ema: teacher [3] and student [4] must have one length",
                assertThrows(IllegalArgumentException.class, () -> new Ema(backend, teacher, student))
                        .getMessage());
        teacher.close();
        student.close();
    }

    @Test
    void closingFreesEveryMoment() {
        try (ParameterBuffer p = parameters()) {
            long before = backend.liveBytes();
            try (AdamW adamw = adamw(backend, p);
                    Lars lars = new Lars(backend, p, 0.9, 0.001);
                    Ema ema = new Ema(backend, p.values(), p.values())) {
                assertEquals(p.grads().count(), adamw.firstMoments().count());
                assertEquals(37, lars.mu(p.get("c")).count());
                ema.update(1);
                assertTrue(backend.liveBytes() > before);
            }
            assertEquals(before, backend.liveBytes());
        }
    }
}
