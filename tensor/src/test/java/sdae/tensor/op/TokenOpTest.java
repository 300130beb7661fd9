package sdae.tensor.op;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import sdae.tensor.Arena;
import sdae.tensor.OpCheck;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.TestDevices;

class TokenOpTest {
    /** A mask of its own for each image: keep, masked and rank lists by sorting. */
    private record Shuffle(int batch, int patches, int visible, int used, float[] noise, int[] order, int[] rank) {
        static Shuffle of(int batch, int patches, int visible, int used) {
            Random random = new Random(patches);
            float[] noise = new float[batch * patches];
            for (int i = 0; i < noise.length; i++) {
                noise[i] = random.nextInt(patches) / (float) patches; // with ties
            }
            int[] order = new int[batch * patches];
            int[] rank = new int[batch * patches];
            for (int b = 0; b < batch; b++) {
                int at = b * patches;
                List<Integer> sorted =
                        new ArrayList<>(IntStream.range(0, patches).boxed().toList());
                sorted.sort(Comparator.comparingDouble(j -> noise[at + j]));
                for (int r = 0; r < patches; r++) {
                    order[at + r] = sorted.get(r);
                    rank[at + sorted.get(r)] = r;
                }
            }
            return new Shuffle(batch, patches, visible, used, noise, order, rank);
        }

        PatchMask mask(Tape tape) {
            return PatchMask.of(tape.of(noise, batch, patches), visible, used);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,2,1,1", "3,49,12,36", "2,64,16,48", "2,196,49,147", "5,31,7,20", "1,1024,256,768"})
    void patchMaskRanksTheNoiseWithTiesByIndex(int batch, int patches, int visible, int used) {
        Shuffle s = Shuffle.of(batch, patches, visible, used);
        TestDevices.forEachDevice((where, backend) -> {
            try (Arena arena = new Arena(backend, true);
                    Tape tape = arena.open()) {
                PatchMask mask = s.mask(tape);
                int[] keep = mask.idsKeep().toInts();
                int[] masked = mask.idsMasked().toInts();
                assertArrayEquals(s.rank(), mask.idsRestore().toInts(), where);
                for (int b = 0; b < batch; b++) {
                    for (int i = 0; i < visible; i++) {
                        assertEquals(s.order()[b * patches + i], keep[b * visible + i], where);
                    }
                    for (int i = 0; i < used; i++) {
                        assertEquals(s.order()[b * patches + visible + i], masked[b * used + i], where);
                    }
                }
            }
        });
    }

    @ParameterizedTest
    @CsvSource({"1,1,4,4,4", "2,3,8,12,4", "2,1,28,28,4", "1,3,10,5,5", "1,2,6,6,3"})
    void patchGatherTakesPatchesInTheOrderChannelRowColumn(int batch, int channels, int height, int width, int patch) {
        int patches = height / patch * (width / patch);
        Shuffle s = Shuffle.of(batch, patches, patches, 0);
        int[] ids = s.order();
        for (boolean all : new boolean[] {true, false}) {
            OpCheck.op("patchGather")
                    .pixels(batch, channels, height, width)
                    .kernel(c ->
                            PatchGather.apply(c.x(0), all ? null : c.tape().of(ids, batch, patches), patch, c.dtype()))
                    .reference(v -> patches(v[0], all ? null : ids, batch, channels, height, width, patch))
                    .forwardOnly()
                    .run();
        }
    }

    private static double[] patches(double[] images, int[] ids, int batch, int channels, int height, int width, int p) {
        int patches = height / p * (width / p);
        double[] out = new double[batch * patches * channels * p * p];
        for (int b = 0, at = 0; b < batch; b++) {
            for (int i = 0; i < patches; i++) {
                int j = ids == null ? i : ids[b * patches + i];
                for (int c = 0; c < channels; c++) {
                    for (int r = 0; r < p; r++) {
                        for (int col = 0; col < p; col++) {
                            int row = j / (width / p) * p + r;
                            int column = j % (width / p) * p + col;
                            out[at++] = images[((b * channels + c) * height + row) * width + column];
                        }
                    }
                }
            }
        }
        return out;
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "3,12,33", "5,16,48", "2,49,31"})
    void embedTokens(int sequences, int count, int width) {
        int patches = count + 3;
        int[] ids = new int[sequences * count];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = (i * 5 + i / count) % patches;
        }
        for (boolean all : new boolean[] {true, false}) {
            int rows = 1 + (all ? count : patches);
            OpCheck.op("embedTokens " + sequences + " " + count)
                    .x(sequences, count, width)
                    .param(1, 1, width)
                    .param(1, rows, width)
                    .kernel(c -> EmbedTokensOp.apply(
                            c.x(0),
                            c.param(0),
                            c.param(1),
                            all ? null : c.tape().of(ids, sequences, count)))
                    .reference(v -> {
                        double[] y = new double[sequences * (1 + count) * width];
                        for (int s = 0; s < sequences; s++) {
                            for (int i = -1; i < count; i++) {
                                int row = i < 0 ? 0 : 1 + (all ? i : ids[s * count + i]);
                                for (int d = 0; d < width; d++) {
                                    double first = i < 0 ? v[1][d] : v[0][(s * count + i) * width + d];
                                    y[(s * (1 + count) + 1 + i) * width + d] = first + v[2][row * width + d];
                                }
                            }
                        }
                        return y;
                    })
                    .run();
        }
    }

    @ParameterizedTest
    @CsvSource({"1,2,1,1", "3,49,12,24", "2,36,9,33", "4,16,4,32"})
    void unshuffle(int batch, int patches, int visible, int width) {
        Shuffle s = Shuffle.of(batch, patches, visible, patches - visible);
        OpCheck.op("unshuffle " + patches)
                .x(batch, 1 + visible, width)
                .param(1, 1, width)
                .kernel(c -> {
                    PatchMask mask = s.mask(c.tape());
                    return UnshuffleFixed.apply(c.x(0), c.param(0), mask.idsRestore(), patches);
                })
                .reference(v -> {
                    double[] y = new double[batch * (1 + patches) * width];
                    for (int b = 0; b < batch; b++) {
                        for (int j = -1; j < patches; j++) {
                            int rank = j < 0 ? -1 : s.rank()[b * patches + j];
                            for (int d = 0; d < width; d++) {
                                y[(b * (1 + patches) + 1 + j) * width + d] = UnshuffleFixed.pos(1 + j, d)
                                        + (rank < visible ? v[0][(b * (1 + visible) + 1 + rank) * width + d] : v[1][d]);
                            }
                        }
                    }
                    return y;
                })
                .run();
    }

    @ParameterizedTest
    @CsvSource({"1,2,1,1,1", "3,49,12,36,24", "2,36,9,27,33", "4,16,4,5,32"})
    void gatherTokens(int batch, int patches, int visible, int used, int width) {
        Shuffle s = Shuffle.of(batch, patches, visible, used);
        OpCheck.op("gatherTokens " + patches)
                .x(batch, 1 + patches, width)
                .kernel(c -> GatherTokensOp.apply(c.x(0), s.mask(c.tape())))
                .reference(v -> {
                    double[] y = new double[batch * used * width];
                    for (int b = 0; b < batch; b++) {
                        for (int i = 0; i < used; i++) {
                            int j = s.order()[b * patches + visible + i];
                            System.arraycopy(
                                    v[0], (b * (1 + patches) + 1 + j) * width, y, (b * used + i) * width, width);
                        }
                    }
                    return y;
                })
                .run();
    }

    @ParameterizedTest
    @CsvSource({"1,2,1", "3,17,33", "2,50,64"})
    void pooling(int batch, int tokens, int width) {
        OpCheck.op("meanPool " + tokens)
                .x(batch, tokens, width)
                .kernel(c -> MeanPoolOp.apply(c.x(0)))
                .reference(v -> {
                    double[] y = new double[batch * width];
                    for (int i = 0; i < v[0].length; i++) {
                        if (i / width % tokens > 0) {
                            y[i / (tokens * width) * width + i % width] += v[0][i] / (tokens - 1);
                        }
                    }
                    return y;
                })
                .run();
        OpCheck.op("classToken " + tokens)
                .x(batch, tokens, width)
                .kernel(c -> ClassTokenOp.apply(c.x(0)))
                .reference(v -> {
                    double[] y = new double[batch * width];
                    for (int b = 0; b < batch; b++) {
                        System.arraycopy(v[0], b * tokens * width, y, b * width, width);
                    }
                    return y;
                })
                .run();
    }

    @Test
    void randomNumbersAreThoseOfJava() {
        int[] ids = {0, 1, 77, -5};
        int[] key = {123456789, -42, 3, sdae.tensor.Philox.Purpose.MASK.code};
        long seed = (key[0] & 0xFFFFFFFFL) | ((long) key[1] << 32);
        for (int cols : new int[] {1, 3, 4, 5, 31, 64, 197}) {
            float[] expected = new float[ids.length * cols];
            for (int r = 0; r < ids.length; r++) {
                var random = new sdae.tensor.Philox(seed, sdae.tensor.Philox.Purpose.MASK, key[2], ids[r]);
                for (int c = 0; c < cols; c++) {
                    expected[r * cols + c] = random.uniform();
                }
            }
            TestDevices.forEachDevice((where, backend) -> {
                try (Arena arena = new Arena(backend, true);
                        Tape tape = arena.open()) {
                    Tensor out = tape.empty(sdae.tensor.DType.F32, ids.length, cols);
                    tape.backend().randomUniform(out, tape.of(ids, ids.length), tape.of(key, 4));
                    assertArrayEquals(expected, out.toFloats(), where);
                }
            });
        }
    }
}
