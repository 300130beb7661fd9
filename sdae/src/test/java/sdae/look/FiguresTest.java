package sdae.look;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.awt.image.BufferedImage;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import sdae.model.Encoder;
import sdae.model.ModelSpec;
import sdae.model.Weights;
import sdae.nn.Init;
import sdae.report.ImageBatch;
import sdae.report.Pictures;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.AttentionOp;

class FiguresTest {
    private static final int BATCH = 2;

    private static float[] random(int count, long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextDouble(-1, 1);
        }
        return values;
    }

    /** The attention that is drawn, times the values, is what the fused kernel gives the class token. */
    @Test
    void attentionIsThatOfTheKernel() {
        int tokens = 10;
        int heads = 3;
        int size = 8;
        float[] packed = random(BATCH * tokens * 3 * heads * size, 1);
        for (int i = 0; i < packed.length; i++) {
            packed[i] *= 3;
        }
        try (Arena arena = new Arena(new CpuBackend());
                Tape tape = arena.open()) {
            Tensor qkv = tape.of(packed, BATCH, tokens, 3, heads, size);
            float[] out = AttentionOp.apply(qkv).toFloats();
            double[][][] attention = Attention.ofClassToken(qkv);
            for (int b = 0; b < BATCH; b++) {
                for (int h = 0; h < heads; h++) {
                    assertEquals(1, Arrays.stream(attention[b][h]).sum(), 1e-12);
                    for (int d = 0; d < size; d++) {
                        double sum = 0;
                        for (int n = 0; n < tokens; n++) {
                            sum += attention[b][h][n] * packed[(((b * tokens + n) * 3 + 2) * heads + h) * size + d];
                        }
                        assertEquals(sum, out[((b * tokens) * heads + h) * size + d], 1e-5);
                    }
                }
            }
        }
    }

    /** The projections of each block are those that the forward pass itself uses: the last block's lead to the same tokens. */
    @Test
    void queriesKeysValuesFollowTheForwardPass() {
        ModelSpec spec = ModelSpec.of(16, 16, 1, 4, 16, 2, 2, 16, 1, 2);
        ModelSpec shallow = ModelSpec.of(16, 16, 1, 4, 16, 1, 2, 16, 1, 2);
        Backend backend = new CpuBackend();
        Encoder encoder = new Encoder(spec);
        // Without its final norm a network of one block ends with what enters the second.
        Encoder first = new Encoder(shallow, false);
        try (ParameterBuffer deep = new ParameterBuffer(backend, false, Weights.encoderSegments(encoder));
                ParameterBuffer flat = new ParameterBuffer(backend, false, Weights.encoderSegments(first));
                Arena arena = new Arena(backend);
                Tape tape = arena.open()) {
            encoder.initStudent(new Init(3), false);
            first.initStudent(new Init(3), false);
            flat.round();
            Tensor images = tape.of(random(BATCH * 256, 2), BATCH, 1, 16, 16);
            float[] found = encoder.queriesKeysValues(tape, images, 1).toFloats();
            float[] entering = first.infer(tape, images, null, 1).toFloats();
            float[] matrix = deep.get("blocks.1.attn.qkv.weight").value().toFloats();
            for (int row = 0; row < entering.length / 16; row++) {
                double[] normed = normalized(Arrays.copyOfRange(entering, row * 16, (row + 1) * 16));
                for (int o = 0; o < 48; o++) {
                    double sum = 0;
                    for (int d = 0; d < 16; d++) {
                        sum += normed[d] * matrix[o * 16 + d];
                    }
                    assertEquals(sum, found[row * 48 + o], 1e-5, "token " + row + ", output " + o);
                }
            }
        }
    }

    private static double[] normalized(float[] row) {
        double mean = 0;
        for (float value : row) {
            mean += value / (double) row.length;
        }
        double variance = 0;
        for (float value : row) {
            variance += (value - mean) * (value - mean) / row.length;
        }
        double[] normed = new double[row.length];
        for (int i = 0; i < row.length; i++) {
            normed[i] = (row[i] - mean) / Math.sqrt(variance + 1e-6);
        }
        return normed;
    }

    @Test
    void neighboursAreByCosineWithoutTheForbidden() {
        float[] bank = {1, 0, 0, 5, 3, 3, -1, 0, 0, 0};
        Neighbours.Found[] found = Neighbours.of(new float[] {2, 1, 0, 1}, bank, 2, 3, (q, r) -> !(q == 1 && r == 1));
        assertArrayEquals(new int[] {2, 0, 1}, found[0].rows());
        assertEquals(3 / Math.sqrt(10), found[0].cosine()[0], 1e-12);
        assertEquals(1 / Math.sqrt(5), found[0].cosine()[2], 1e-12);
        assertArrayEquals(new int[] {2, 0, 3}, found[1].rows());
        assertEquals(
                2, Neighbours.of(new float[] {1, 1}, new float[] {1, 0, 0, 1}, 2, 5, (q, r) -> true)[0].rows().length);
    }

    @Test
    void heatRunsFromVioletToYellowAndStaysThere() {
        assertEquals(0x440154, Heat.colour(-3));
        assertEquals(0x21918C, Heat.colour(0.5));
        assertEquals(0xFDE725, Heat.colour(2));
        assertEquals(0x440154, Heat.colour(Double.NaN));
    }

    @Test
    void mapsLieWhereTheirPatchesAre() {
        BufferedImage map = Heat.map(new double[] {9, 0, 0, 0, 2, 0, 0}, 1, 2, 3, 4, 2);
        int scale = map.getWidth() / 12;
        assertEquals(0xFDE725, map.getRGB(scale, scale * 5) & 0xFFFFFF);
        assertEquals(0x440154, map.getRGB(scale * 5, scale * 5) & 0xFFFFFF);
        assertEquals(0x440154, map.getRGB(scale, scale) & 0xFFFFFF);
        ImageBatch white = new ImageBatch(ones(2 * 64), 1, 8, 8, new float[] {0}, new float[] {1});
        BufferedImage over = Heat.over(white, 1, 4, new int[] {0, 3, 2}, 1, new double[] {1, 0});
        int side = over.getWidth() / 2;
        assertEquals(0xFDE725, over.getRGB(side + 1, side + 1) & 0xFFFFFF);
        assertEquals(0x440154, over.getRGB(1, side + 1) & 0xFFFFFF);
        assertEquals(0x7F7F7F, over.getRGB(1, 1) & 0xFFFFFF);
        assertEquals(Pictures.TILE, over.getWidth());
    }

    private static float[] ones(int count) {
        float[] ones = new float[count];
        Arrays.fill(ones, 1);
        return ones;
    }
}
