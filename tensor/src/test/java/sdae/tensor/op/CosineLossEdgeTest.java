package sdae.tensor.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Test;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.OpCheck;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.TestDevices;
import sdae.tensor.op.CosineLossOp.Axis;

/** Vectors without a direction: zero, constant, of one value, not a number. */
class CosineLossEdgeTest {
    private static final int FOLDS = 2;
    private static final int COLS = 37;

    private record Result(float loss, float[] gradient) {}

    private static float[] normal(int seed, int count) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    private static Result run(Backend backend, float[] pred, float[] teacher, Axis axis, boolean center) {
        int tokens = pred.length / (FOLDS * COLS);
        try (Arena arena = new Arena(backend, true);
                Tape tape = arena.open()) {
            Tensor x = tape.variable(tape.of(pred, FOLDS, tokens, COLS));
            Tensor loss = CosineLossOp.apply(x, tape.of(teacher, FOLDS, tokens, COLS), axis, center);
            float value = loss.item();
            tape.backward(loss);
            return new Result(value, tape.gradient(x).toFloats());
        }
    }

    /** The loss is the reference's, the gradient exactly zero where `dead` says and nowhere else. */
    private static void check(float[] pred, Axis axis, boolean center, IntPredicate dead) {
        int tokens = pred.length / (FOLDS * COLS);
        float[] teacher = normal(2, pred.length);
        double expected = Reference.cosineLoss(
                OpCheck.doubles(pred), OpCheck.doubles(teacher), FOLDS, tokens, COLS, 0, axis == Axis.TOKEN, center)[0];
        TestDevices.forEachDevice((isa, backend) -> {
            Result result = run(backend, pred, teacher, axis, center);
            assertEquals(expected, result.loss(), 1e-6, isa);
            for (int i = 0; i < pred.length; i++) {
                float g = result.gradient()[i];
                if (dead.test(i)) {
                    assertEquals(0, Math.abs(g), isa + " at " + i);
                } else {
                    assertNotEquals(0, Math.abs(g), isa + " at " + i);
                    assertEquals(0, g, 1, isa + " at " + i);
                }
            }
        });
    }

    private static float[] withChannel(int tokens, int channel, float value) {
        float[] pred = normal(1, FOLDS * tokens * COLS);
        for (int i = 0; i < tokens; i++) {
            pred[i * COLS + channel] = value;
        }
        return pred;
    }

    @Test
    void aTeacherOfEqualTokensHasNoDirectionOnceCentred() {
        float[] teacher = normal(2, FOLDS * 5 * COLS);
        for (int i = 0; i < teacher.length; i++) {
            teacher[i] = teacher[i / (5 * COLS) * 5 * COLS + i % COLS];
        }
        TestDevices.forEachDevice((isa, backend) -> {
            Result result = run(backend, normal(1, teacher.length), teacher, Axis.TOKEN, true);
            assertEquals(1, result.loss(), isa);
            for (float g : result.gradient()) {
                assertEquals(0, Math.abs(g), isa);
            }
        });
    }

    @Test
    void aChannelOfZerosGetsNoGradient() {
        check(withChannel(12, 36, 0), Axis.TOKEN, false, i -> i < 12 * COLS && i % COLS == 36);
    }

    @Test
    void aNormBelowTheLimitCountsAsZero() {
        check(withChannel(12, 3, 1e-20f), Axis.TOKEN, false, i -> i < 12 * COLS && i % COLS == 3);
    }

    @Test
    void aTokenOfZerosGetsNoGradient() {
        float[] pred = normal(1, FOLDS * 12 * COLS);
        Arrays.fill(pred, 14 * COLS, 15 * COLS, 0);
        check(pred, Axis.CHANNEL, false, i -> i / COLS == 14);
    }

    @Test
    void aConstantChannelHasNoDirectionOnceCentred() {
        check(withChannel(49, 5, 0.1f), Axis.TOKEN, true, i -> i < 49 * COLS && i % COLS == 5);
    }

    @Test
    void aFoldOfOneTokenGetsNoGradientOnTheTokenAxis() {
        check(normal(1, FOLDS * COLS), Axis.TOKEN, false, i -> true);
    }

    @Test
    void notANumberIsNotHidden() {
        float[] teacher = normal(2, FOLDS * 12 * COLS);
        float[] pred = normal(1, FOLDS * 12 * COLS);
        pred[15 * COLS + 4] = Float.NaN;
        TestDevices.forEachDevice((isa, backend) -> {
            for (Axis axis : Axis.values()) {
                assertTrue(Float.isNaN(run(backend, pred, teacher, axis, false).loss()), isa + " " + axis);
            }
            assertTrue(Float.isNaN(run(backend, pred, teacher, Axis.TOKEN, true).loss()), isa + " centred");
        });
    }
}
