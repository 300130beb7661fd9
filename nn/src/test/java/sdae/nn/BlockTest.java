package sdae.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.OpCheck;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.TestDevices;
import sdae.tensor.Tolerance;
import sdae.tensor.op.Reference;

/** A transformer block against the same in double, and its gradients against central differences of that. */
class BlockTest {
    private static final int BATCH = 4;
    private static final int TOKENS = 5;
    private static final int WIDTH = 12;
    private static final int HEADS = 3;
    private static final int MLP = 20;
    private static final int EACH = TOKENS * WIDTH;
    /** Sample 0 keeps both branches, 1 loses attention, 2 the MLP, 3 both. */
    private static final float[] ATTENTION_SCALE = {1.25f, 0, 1.25f, 0};

    private static final float[] MLP_SCALE = {1.5f, 1.5f, 0, 0};
    private static final double EPS = 1e-6;
    private static final double H = 1e-5;

    private final Backend backend = new CpuBackend();
    private final Random random = new Random(7);
    private final float[] x = normal(BATCH * EACH, 1);
    private final float[] dy = normal(BATCH * EACH, 1);
    private final List<float[]> weights = new ArrayList<>();

    BlockTest() {
        for (Parameter p : new Block("blocks.0", WIDTH, HEADS, MLP).parameters()) {
            weights.add(normal(p.shape().count(), p.shape().rank() > 1 ? 0.5 : 0.8));
        }
    }

    private record Result(float[] y, List<float[]> gradients) {}

    private float[] normal(int count, double std) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (std * random.nextGaussian());
        }
        return values;
    }

    private void load(ParameterBuffer buffer) {
        int i = 0;
        for (Parameter p : buffer.parameters().values()) {
            p.value().set(weights.get(i++));
        }
    }

    /** Output, and gradients of x and of every parameter in order. */
    private Result run(boolean drop) {
        return run(drop, false);
    }

    private Result run(boolean drop, boolean recomputes) {
        Block block = new Block("blocks.0", WIDTH, HEADS, MLP);
        var segment = new ParameterBuffer.Segment("all", true, block.parameters());
        try (ParameterBuffer buffer = new ParameterBuffer(backend, true, List.of(segment));
                Arena arena = new Arena(backend, true).recomputing(recomputes);
                Tape tape = arena.open()) {
            load(buffer);
            Tensor input = tape.variable(tape.of(x, BATCH, TOKENS, WIDTH));
            Tensor y = block.forward(
                    input, drop ? tape.of(ATTENTION_SCALE, BATCH) : null, drop ? tape.of(MLP_SCALE, BATCH) : null);
            float[] output = y.toFloats();
            tape.seed(y, tape.of(dy, BATCH, TOKENS, WIDTH));
            tape.backward();
            List<float[]> gradients =
                    new ArrayList<>(List.of(tape.gradient(input).toFloats()));
            block.parameters().forEach(p -> gradients.add(p.grad().toFloats()));
            return new Result(output, gradients);
        }
    }

    /** inputs: x, then the parameters in order. */
    private static double[] reference(double[][] in, boolean drop) {
        double[] attentionScale = drop ? OpCheck.doubles(ATTENTION_SCALE) : null;
        double[] mlpScale = drop ? OpCheck.doubles(MLP_SCALE) : null;
        double[] normed = Reference.layerNorm(in[0], in[1], in[2], EPS);
        double[] qkv = Reference.linear(normed, in[3], in[4], WIDTH, 3 * WIDTH);
        double[] mixed = Reference.attention(qkv, BATCH, TOKENS, HEADS, WIDTH / HEADS);
        double[] x = Reference.residual(in[0], Reference.linear(mixed, in[5], in[6], WIDTH, WIDTH), attentionScale);
        double[] hidden =
                Reference.gelu(Reference.linear(Reference.layerNorm(x, in[7], in[8], EPS), in[9], in[10], WIDTH, MLP));
        return Reference.residual(x, Reference.linear(hidden, in[11], in[12], MLP, WIDTH), mlpScale);
    }

    private double[][] inputs() {
        double[][] in = new double[1 + weights.size()][];
        in[0] = OpCheck.doubles(x);
        for (int i = 0; i < weights.size(); i++) {
            in[1 + i] = OpCheck.doubles(weights.get(i));
        }
        return in;
    }

    private double objective(double[][] in, boolean drop) {
        double[] y = reference(in, drop);
        double sum = 0;
        for (int i = 0; i < y.length; i++) {
            sum += y[i] * dy[i];
        }
        return sum;
    }

    private List<double[]> differences(boolean drop) {
        double[][] in = inputs();
        List<double[]> gradients = new ArrayList<>();
        for (double[] values : in) {
            double[] gradient = new double[values.length];
            for (int k = 0; k < values.length; k++) {
                double at = values[k];
                values[k] = at + H;
                double above = objective(in, drop);
                values[k] = at - H;
                gradient[k] = (above - objective(in, drop)) / (2 * H);
                values[k] = at;
            }
            gradients.add(gradient);
        }
        return gradients;
    }

    private void check(boolean drop) {
        double[] expected = reference(inputs(), drop);
        List<double[]> gradients = differences(drop);
        TestDevices.forEachIsa(isa -> {
            Result result = run(drop);
            Tolerance.assertClose("block on " + isa, expected, result.y(), Tolerance.F32_FORWARD);
            for (int i = 0; i < gradients.size(); i++) {
                Tolerance.assertClose(
                        "block on " + isa + ": gradient of input " + i,
                        gradients.get(i),
                        result.gradients().get(i),
                        Tolerance.F32_GRADIENT);
            }
        });
    }

    @Test
    void everyGradientIsTheSlopeOfTheDoubleReference() {
        check(false);
    }

    @Test
    void everyGradientIsTheSlopeOfTheDoubleReferenceWhereBranchesAreDropped() {
        check(true);
    }

    @Test
    void sampleWithBothBranchesDroppedPassesThroughUnchanged() {
        Result result = run(true);
        for (int i = 3 * EACH; i < 4 * EACH; i++) {
            assertEquals(x[i], result.y()[i]);
            assertEquals(dy[i], result.gradients().get(0)[i]);
        }
    }

    @Test
    void threadsDoNotChangeABit() {
        Result one = run(true);
        for (int threads : new int[] {1, 2, 3, 7}) {
            TestDevices.withThreads(threads, () -> {
                Result again = run(true);
                assertArrayEquals(one.y(), again.y());
                for (int i = 0; i < one.gradients().size(); i++) {
                    assertArrayEquals(one.gradients().get(i), again.gradients().get(i));
                }
            });
        }
    }

    @Test
    void computingItAgainInTheBackwardChangesNoBit() {
        Result kept = run(true, false);
        Result again = run(true, true);
        assertArrayEquals(kept.y(), again.y());
        for (int i = 0; i < kept.gradients().size(); i++) {
            assertArrayEquals(kept.gradients().get(i), again.gradients().get(i));
        }
    }

    @Test
    void unrecordedForwardGivesTheSameBitsAndHoldsOnlyItsResult() {
        Block block = new Block("blocks.0", WIDTH, HEADS, MLP);
        var segment = new ParameterBuffer.Segment("all", true, block.parameters());
        try (ParameterBuffer buffer = new ParameterBuffer(backend, false, List.of(segment));
                Arena arena = new Arena(backend, true)) {
            load(buffer);
            long[] slab = new long[2];
            for (int depth = 1; depth <= 2; depth++) {
                int blocks = 4 * depth;
                try (Tape tape = arena.open()) {
                    Tensor input = tape.of(x, BATCH, TOKENS, WIDTH);
                    Tensor y = tape.scoped(() -> {
                        Tensor t = input;
                        for (int i = 0; i < blocks; i++) {
                            t = block.forward(t, null, null);
                        }
                        return t;
                    });
                    float[] once =
                            tape.scoped(() -> block.forward(input, null, null)).toFloats();
                    assertArrayEquals(run(false).y(), once);
                    assertEquals(BATCH * EACH, y.count());
                }
                slab[depth - 1] = arena.slabBytes();
            }
            long outputs = 4L * BATCH * EACH * Float.BYTES;
            assertEquals(slab[0] + outputs, slab[1], "4 more blocks may hold 4 more outputs and nothing else");
        }
    }

    @Test
    void headsMustDivideTheWidth() {
        assertEquals(
                "block: heads must divide the width, but 5 heads and width 12 leave 2",
                assertThrows(IllegalArgumentException.class, () -> new Block("blocks.0", 12, 5, 48))
                        .getMessage());
        assertThrows(IllegalArgumentException.class, () -> new Block("blocks.0", 12, 0, 48));
    }
}
