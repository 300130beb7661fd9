package sdae.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.TestDevices;
import sdae.tensor.Tolerance;

class LayersTest {
    private final Backend backend = new CpuBackend();
    private final Random random = new Random(3);

    private static String message(Executable body) {
        return assertThrows(IllegalArgumentException.class, body).getMessage();
    }

    private static List<String> keys(List<Parameter> parameters) {
        return parameters.stream().map(Parameter::toString).toList();
    }

    private float[] normal(int count) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    @Test
    void keysAndShapesAreThoseOfPublishedCheckpoints() {
        assertEquals(
                List.of(
                        "blocks.3.norm1.weight [8]",
                        "blocks.3.norm1.bias [8]",
                        "blocks.3.attn.qkv.weight [24, 8]",
                        "blocks.3.attn.qkv.bias [24]",
                        "blocks.3.attn.proj.weight [8, 8]",
                        "blocks.3.attn.proj.bias [8]",
                        "blocks.3.norm2.weight [8]",
                        "blocks.3.norm2.bias [8]",
                        "blocks.3.mlp.fc1.weight [32, 8]",
                        "blocks.3.mlp.fc1.bias [32]",
                        "blocks.3.mlp.fc2.weight [8, 32]",
                        "blocks.3.mlp.fc2.bias [8]"),
                keys(new Block("blocks.3", 8, 2, 32).parameters()));
        assertEquals(
                List.of("patch_embed.proj.weight [8, 3, 4, 4]", "patch_embed.proj.bias [8]"),
                keys(new PatchEmbed("patch_embed", 3, 4, 8).parameters()));
    }

    @Test
    void patchEmbedIsAConvolutionWithThePatchAsStride() {
        int channels = 2;
        int patch = 3;
        int width = 5;
        int rows = 6;
        int cols = 9;
        float[] images = normal(2 * channels * rows * cols);
        float[] weight = normal(width * channels * patch * patch);
        float[] bias = normal(width);
        int[] ids = {5, 0, 3, 2};
        double[] all = convolution(images, weight, bias, channels, patch, rows, cols);
        double[] some = new double[ids.length * width];
        for (int i = 0; i < ids.length; i++) {
            System.arraycopy(all, (i / 2 * 6 + ids[i]) * width, some, i * width, width);
        }
        TestDevices.forEachIsa(isa -> {
            PatchEmbed embed = new PatchEmbed("patch_embed", channels, patch, width);
            var segment = new ParameterBuffer.Segment("all", true, embed.parameters());
            try (ParameterBuffer buffer = new ParameterBuffer(backend, false, List.of(segment));
                    Arena arena = new Arena(backend, true);
                    Tape tape = arena.open()) {
                buffer.get("patch_embed.proj.weight").value().set(weight);
                buffer.get("patch_embed.proj.bias").value().set(bias);
                Tensor x = tape.of(images, 2, channels, rows, cols);
                Tolerance.assertClose(
                        "all on " + isa, all, embed.forward(x, null).toFloats(), Tolerance.F32_FORWARD);
                Tensor picked = embed.forward(x, tape.of(ids, 2, 2));
                assertArrayEquals(new int[] {2, 2, width}, picked.shape().sizes());
                Tolerance.assertClose("some on " + isa, some, picked.toFloats(), Tolerance.F32_FORWARD);
            }
        });
    }

    private static double[] convolution(
            float[] images, float[] weight, float[] bias, int channels, int patch, int rows, int cols) {
        int width = bias.length;
        int across = cols / patch;
        int patches = rows / patch * across;
        int batch = images.length / (channels * rows * cols);
        double[] y = new double[batch * patches * width];
        for (int i = 0; i < y.length; i++) {
            int d = i % width;
            int at = i / width % patches;
            int image = i / width / patches;
            double sum = bias[d];
            for (int k = 0; k < channels * patch * patch; k++) {
                int row = at / across * patch + k / patch % patch;
                int column = at % across * patch + k % patch;
                int plane = image * channels + k / (patch * patch);
                sum += weight[d * channels * patch * patch + k] * images[(plane * rows + row) * cols + column];
            }
            y[i] = sum;
        }
        return y;
    }

    @Test
    void imageSidesMustBeMultiplesOfThePatch() {
        PatchEmbed embed = new PatchEmbed("patch_embed", 1, 4, 8);
        try (Arena arena = new Arena(backend);
                Tape tape = arena.open()) {
            Tensor images = tape.of(new float[48], 1, 1, 8, 6);
            assertEquals(
                    "patchEmbed: image sides must be multiples of the patch 4, but images are [1, 1, 8, 6]",
                    message(() -> embed.forward(images, null)));
            assertEquals(
                    "patchEmbed: images must have 4 sizes, but is [48]",
                    message(() -> embed.forward(images.reshape(48), null)));
        }
    }

    @Test
    void parametersWithoutMemorySaySo() {
        Linear linear = Linear.of("head", 4, 2);
        try (Arena arena = new Arena(backend);
                Tape tape = arena.open()) {
            Tensor x = tape.of(new float[12], 3, 4);
            assertEquals(
                    "parameter head.weight [2, 4] has no memory yet; put it in a ParameterBuffer",
                    assertThrows(IllegalStateException.class, () -> linear.forward(x))
                            .getMessage());
        }
    }

    @Test
    void positionTablesRefuseWhatTheyCannotBe() {
        assertEquals(
                "positions: the width must be a multiple of 4, but is 10", message(() -> Positions.sinCos(2, 2, 10)));
        assertEquals(
                "positions: a table of 2x2 positions and width 4 has 20 values, but got 19",
                message(() -> Positions.resize(new float[19], 2, 2, 3, 3, 4)));
    }

    @Test
    void firstHalfOfAPositionIsItsColumnAndTheSecondItsRow() {
        float[] table = Positions.sinCos(2, 3, 8);
        // token 5 is row 1, column 2; frequencies 1 and 1/100
        float[] expected = {
            (float) Math.sin(2), (float) Math.sin(0.02), (float) Math.cos(2), (float) Math.cos(0.02),
            (float) Math.sin(1), (float) Math.sin(0.01), (float) Math.cos(1), (float) Math.cos(0.01)
        };
        assertArrayEquals(expected, java.util.Arrays.copyOfRange(table, 6 * 8, 7 * 8), 1e-7f);
        assertArrayEquals(new float[8], java.util.Arrays.copyOf(table, 8));
    }

    @Test
    void resizingToTheSameGridChangesNothing() {
        float[] table = normal((1 + 3 * 5) * 4);
        assertArrayEquals(table, Positions.resize(table, 3, 5, 3, 5, 4));
    }
}
