package sdae.tensor.op;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import sdae.tensor.Arena;
import sdae.tensor.CpuBackend;
import sdae.tensor.DType;
import sdae.tensor.OpCheck;
import sdae.tensor.Parameter;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

class DenseOpTest {
    @ParameterizedTest
    @CsvSource({"1,1,1", "3,5,7", "31,33,17", "32,32,32", "50,48,144", "70,64,31", "13,130,65", "257,16,8"})
    void linear(int rows, int in, int out) {
        OpCheck.op("linear " + rows + " " + in + " " + out)
                .x(rows, in)
                .param(out, in)
                .param(out)
                .kernel(c -> LinearOp.apply(c.x(0), c.param(0), c.param(1)))
                .reference(v -> Reference.linear(v[0], v[1], v[2], in, out))
                .run();
    }

    @ParameterizedTest
    @CsvSource({"1,1,1,1,1", "2,3,5,7,4", "3,11,31,17,31", "2,16,32,64,32", "4,5,16,66,24"})
    void mlp(int batch, int tokens, int in, int hidden, int out) {
        float[] scale = new float[batch];
        for (int b = 0; b < batch; b++) {
            scale[b] = b % 2 == 0 ? 1.25f : 0;
        }
        for (float[] s : new float[][] {null, scale}) {
            OpCheck.op("mlp " + batch + " " + tokens + " " + in + " " + hidden + " " + out)
                    .x(batch, tokens, in)
                    .param(hidden, in)
                    .param(hidden)
                    .param(out, hidden)
                    .param(out)
                    .x(batch, tokens, out)
                    .kernel(c -> MlpOp.apply(
                            c.x(0),
                            new MlpOp.Layer(c.param(0), c.param(1)),
                            new MlpOp.Layer(c.param(2), c.param(3)),
                            c.x(1),
                            s == null ? null : c.tape().of(s, batch)))
                    .reference(v -> Reference.residual(
                            v[5],
                            Reference.linear(
                                    Reference.gelu(Reference.linear(v[0], v[1], v[2], in, hidden)),
                                    v[3],
                                    v[4],
                                    hidden,
                                    out),
                            s == null ? null : OpCheck.doubles(s)))
                    .run();
        }
    }

    @ParameterizedTest
    @CsvSource({"1,1,1,1", "2,3,5,7", "3,17,33,31", "4,13,192,48"})
    void linearResidual(int batch, int tokens, int in, int out) {
        float[] scale = new float[batch];
        for (int b = 0; b < batch; b++) {
            scale[b] = b % 2 == 0 ? 1.25f : 0;
        }
        for (float[] s : new float[][] {null, scale}) {
            OpCheck.op("linearResidual " + batch + " " + tokens + " " + in + " " + out)
                    .x(batch, tokens, in)
                    .param(out, in)
                    .param(out)
                    .x(batch, tokens, out)
                    .kernel(c -> LinearResidualOp.apply(
                            c.x(0),
                            c.param(0),
                            c.param(1),
                            c.x(1),
                            s == null ? null : c.tape().of(s, batch)))
                    .reference(v -> Reference.residual(
                            v[3], Reference.linear(v[0], v[1], v[2], in, out), s == null ? null : OpCheck.doubles(s)))
                    .run();
        }
    }

    @ParameterizedTest
    @CsvSource({"1,2", "3,31", "4,32", "5,33", "2,768", "300,17"})
    void layerNorm(int rows, int cols) {
        OpCheck.op("layerNorm " + rows + " " + cols)
                .x(rows, cols)
                .param(cols)
                .param(cols)
                .kernel(c -> LayerNormOp.apply(c.x(0), c.param(0), c.param(1), 1e-6f))
                .reference(v -> Reference.layerNorm(v[0], v[1], v[2], 1e-6))
                .run();
    }

    @Test
    void layerNormOfOneChannelAndOfEqualAndLargeRowsIsTheShift() {
        float[] x = new float[2 * 33];
        Arrays.fill(x, 0, 33, 3e4f);
        Arrays.fill(x, 33, 66, -7);
        OpCheck.op("layerNorm equal rows")
                .x(new int[] {2, 33}, x)
                .param(33)
                .param(33)
                .kernel(c -> LayerNormOp.apply(c.x(0), c.param(0), c.param(1), 1e-6f))
                .reference(v -> Reference.layerNorm(v[0], v[1], v[2], 1e-6))
                .forwardOnly()
                .run();
        OpCheck.op("layerNorm one channel")
                .x(3, 1)
                .param(1)
                .param(1)
                .kernel(c -> LayerNormOp.apply(c.x(0), c.param(0), c.param(1), 1e-6f))
                .reference(v -> Reference.layerNorm(v[0], v[1], v[2], 1e-6))
                .forwardOnly()
                .run();
    }

    @ParameterizedTest
    @CsvSource({"1", "31", "32", "33", "70000"})
    void gelu(int n) {
        float[] x = new float[n];
        for (int i = 0; i < n; i++) {
            x[i] = (i % 401 - 200) * 0.05f;
        }
        OpCheck.op("gelu " + n)
                .x(new int[] {n}, x)
                .kernel(c -> GeluOp.apply(c.x(0)))
                .reference(v -> Reference.gelu(v[0]))
                .run();
    }

    @Test
    void residualOfOneTensorWithItselfGetsBothGradients() {
        OpCheck.op("residual x x")
                .x(3, 5)
                .kernel(c -> ResidualOp.apply(c.x(0), c.x(0), null))
                .reference(v -> Reference.residual(v[0], v[0], null))
                .run();
    }

    @ParameterizedTest
    @CsvSource({"1,1", "3,31", "2,33", "7,100"})
    void residual(int batch, int each) {
        float[] scale = new float[batch];
        for (int b = 0; b < batch; b++) {
            scale[b] = b % 3;
        }
        OpCheck.op("residual " + batch + " " + each)
                .x(batch, each)
                .x(batch, each)
                .kernel(c -> ResidualOp.apply(c.x(0), c.x(1), c.tape().of(scale, batch)))
                .reference(v -> Reference.residual(v[0], v[1], OpCheck.doubles(scale)))
                .run();
    }

    @ParameterizedTest
    @CsvSource({
        "1,1,1,1",
        "2,2,2,16",
        "1,13,3,20",
        "2,17,2,32",
        "1,31,1,64",
        "1,32,1,80",
        "1,33,2,128",
        "1,50,1,64",
        "3,7,2,5",
        "1,65,1,24",
        "1,130,1,16"
    })
    void attention(int batch, int tokens, int heads, int size) {
        OpCheck.op("attention " + tokens + " " + size)
                .x(batch, tokens, 3, heads, size)
                .kernel(c -> AttentionOp.apply(c.x(0)))
                .reference(v -> Reference.attention(v[0], batch, tokens, heads, size))
                .run();
    }

    @ParameterizedTest
    @CsvSource({"197,32", "257,80", "1024,16"})
    void attentionOfLongSequences(int tokens, int size) {
        OpCheck.op("attention long " + tokens)
                .x(1, tokens, 3, 1, size)
                .kernel(c -> AttentionOp.apply(c.x(0)))
                .reference(v -> Reference.attention(v[0], 1, tokens, 1, size))
                .forwardOnly()
                .run();
    }

    @ParameterizedTest
    @CsvSource({"1", "13", "50"})
    void attentionOfEqualRowsIsTheirValue(int tokens) {
        float[] qkv = new float[tokens * 3 * 32];
        Arrays.fill(qkv, 0.5f);
        OpCheck.op("attention equal " + tokens)
                .x(new int[] {1, tokens, 3, 2, 16}, qkv)
                .kernel(c -> AttentionOp.apply(c.x(0)))
                .reference(v -> Reference.attention(v[0], 1, tokens, 2, 16))
                .run();
    }

    @Test
    void attentionOfHugeLogitsIsOneHot() {
        float[] qkv = new float[5 * 3 * 16];
        for (int i = 0; i < qkv.length; i++) {
            qkv[i] = (float) (100 * Math.sin(i));
        }
        OpCheck.op("attention huge")
                .x(new int[] {1, 5, 3, 1, 16}, qkv)
                .kernel(c -> AttentionOp.apply(c.x(0)))
                .reference(v -> Reference.attention(v[0], 1, 5, 1, 16))
                .forwardOnly()
                .tolerance(1e-4, 0) // logits of 1e4 carry 1e-3 of rounding into the softmax
                .run();
    }

    @ParameterizedTest
    @CsvSource({"1,1", "3,10", "17,33", "5,1000"})
    void crossEntropy(int rows, int classes) {
        float[] target = new float[rows * classes];
        for (int i = 0; i < target.length; i++) {
            target[i] = (i * 7 % 5) / (2f * classes);
        }
        OpCheck.op("crossEntropy " + rows + " " + classes)
                .x(rows, classes)
                .kernel(c -> CrossEntropyOp.apply(c.x(0), c.tape().of(target, rows, classes)))
                .reference(v -> Reference.crossEntropy(v[0], OpCheck.doubles(target), classes))
                .run();
    }

    @ParameterizedTest
    @CsvSource({"2,1", "5,31", "16,48", "33,33"})
    void batchNorm(int rows, int cols) {
        OpCheck.op("batchNorm " + rows + " " + cols)
                .x(rows, cols)
                .kernel(c -> BatchNormOp.apply(
                        c.x(0),
                        c.tape().of(new float[cols], cols),
                        c.tape().of(new float[cols], cols),
                        1e-6f,
                        0.1f,
                        true))
                .reference(v -> Reference.batchNorm(v[0], cols, 1e-6))
                .run();
    }

    @Test
    void errorsNameTheOpTheArgumentAndBothShapes() {
        try (Arena arena = new Arena(new CpuBackend());
                Tape tape = arena.open()) {
            Tensor x = tape.empty(DType.F32, 2, 50, 768);
            IllegalArgumentException gamma = assertThrows(
                    IllegalArgumentException.class,
                    () -> LayerNormOp.apply(x, new Parameter("g", 512), new Parameter("b", 768), 1e-6f));
            assertEquals("layerNorm: gamma must be [768] to match x [2, 50, 768], but is [512]", gamma.getMessage());
            IllegalArgumentException weight = assertThrows(
                    IllegalArgumentException.class,
                    () -> LinearOp.apply(x, new Parameter("w", 4, 512), new Parameter("b", 4)));
            assertEquals(
                    "linear: the last size of x must be 512 to match weight [4, 512], but x is [2, 50, 768]",
                    weight.getMessage());
            IllegalArgumentException qkv = assertThrows(IllegalArgumentException.class, () -> AttentionOp.apply(x));
            assertEquals(
                    "attention: qkv must be [batch, tokens, 3, heads, head size], but is [2, 50, 768]",
                    qkv.getMessage());
        }
    }
}
