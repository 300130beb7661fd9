package sdae.tensor.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import sdae.tensor.Arena;
import sdae.tensor.CpuBackend;
import sdae.tensor.DType;
import sdae.tensor.OpCheck;
import sdae.tensor.Tape;

class LossOpTest {
    private static float[] normal(int seed, int count) {
        Random random = new Random(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    @ParameterizedTest
    @CsvSource({"2,1,4,0", "3,12,33,1", "6,49,31,1", "1,16,768,0", "2,5,2,1"})
    void cosineLoss(int folds, int tokens, int cols, int skip) {
        float[] teacher = OpCheck.rounded(normal(folds, folds * (tokens + skip) * cols));
        for (CosineLossOp.Axis axis : CosineLossOp.Axis.values()) {
            boolean token = axis == CosineLossOp.Axis.TOKEN;
            for (boolean center : token && tokens > 1 ? new boolean[] {false, true} : new boolean[] {false}) {
                OpCheck.op("cosineLoss " + axis + " " + center + " " + tokens)
                        .x(folds, tokens, cols)
                        .kernel(c -> CosineLossOp.apply(
                                c.x(0), c.activation(teacher, folds, tokens + skip, cols), axis, center))
                        .reference(v -> Reference.cosineLoss(
                                v[0], OpCheck.doubles(teacher), folds, tokens, cols, skip, token, center))
                        .run();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"2,1,4,0", "3,12,33,1", "2,49,31,1"})
    void regressionLoss(int folds, int tokens, int cols, int skip) {
        float[] teacher = OpCheck.rounded(normal(folds, folds * (tokens + skip) * cols));
        double[] target = Reference.target(OpCheck.doubles(teacher), folds, tokens, cols, skip);
        for (RegressionLossOp.Kind kind : RegressionLossOp.Kind.values()) {
            OpCheck.op("regressionLoss " + kind + " " + tokens)
                    .x(folds, tokens, cols)
                    .kernel(c ->
                            RegressionLossOp.apply(c.x(0), c.activation(teacher, folds, tokens + skip, cols), kind))
                    .reference(v -> Reference.regressionLoss(v[0], target, kind == RegressionLossOp.Kind.SMOOTH_L1))
                    .run();
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,4,4,2,3", "2,3,8,12,4,5", "3,1,28,28,4,36", "2,2,9,6,3,4"})
    void pixelLoss(int batch, int channels, int height, int width, int patch, int count) {
        float[] images = normal(3, batch * channels * height * width);
        int patches = height / patch * (width / patch);
        int[] ids = new int[batch * count];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = (i * 5 + i / count) % patches;
        }
        int values = channels * patch * patch;
        for (boolean normPix : new boolean[] {false, true}) {
            double[] target = new double[batch * count * values];
            for (int i = 0; i < ids.length; i++) {
                double[] pixels =
                        Reference.pixels(OpCheck.doubles(images), i / count, ids[i], channels, height, width, patch);
                double[] t = normPix ? Reference.standardise(pixels, values - 1, 1e-6) : pixels;
                System.arraycopy(t, 0, target, i * values, values);
            }
            OpCheck.op("pixelLoss " + normPix + " " + patch)
                    .x(batch, count, values)
                    .kernel(c -> PixelLossOp.apply(
                            c.x(0),
                            c.tape().of(images, batch, channels, height, width),
                            c.tape().of(ids, batch, count),
                            patch,
                            normPix))
                    .reference(v -> Reference.regressionLoss(v[0], target, false))
                    .run();
        }
    }

    @Test
    void idsOfAnotherBatchAreRefused() {
        try (Arena arena = new Arena(new CpuBackend());
                Tape tape = arena.open()) {
            var images = tape.empty(DType.F32, 2, 1, 8, 8);
            var pred = tape.empty(DType.F32, 2, 3, 16);
            var ids = tape.empty(DType.I32, 1, 3);
            IllegalArgumentException e =
                    assertThrows(IllegalArgumentException.class, () -> PixelLossOp.apply(pred, images, ids, 4, false));
            assertEquals("pixelLoss: ids must be [2, 3] to match images [2, 1, 8, 8], but is [1, 3]", e.getMessage());
        }
    }

    @Test
    void aTeacherOfAnotherSizeIsNamedWithBothShapes() {
        try (Arena arena = new Arena(new CpuBackend());
                Tape tape = arena.open()) {
            var pred = tape.empty(DType.F32, 3, 12, 64);
            var teacher = tape.empty(DType.F32, 3, 13, 32);
            IllegalArgumentException e = assertThrows(
                    IllegalArgumentException.class,
                    () -> CosineLossOp.apply(pred, teacher, CosineLossOp.Axis.TOKEN, false));
            assertEquals(
                    "cosineLoss: teacher must be [3, 12 or more, 64] to match pred [3, 12, 64], but is [3, 13, 32]",
                    e.getMessage());
        }
    }
}
