package sdae.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RandomTest {
    private static final long SEED = 0xFEDCBA9876543210L;
    private static final int EPOCH = 3;

    /** Salmon et al. 2011, known-answer vectors of Philox4x32-10. */
    @Test
    void philoxGivesThePublishedVectors() {
        assertVector("6627e8d5 e169c58d bc57ac4c 9b00dbd8", 0, 0, 0, 0, 0, 0);
        assertVector("408f276d 41c83b0e a20bc7c6 6d5451fd", -1, -1, -1, -1, -1, -1);
        assertVector(
                "d16cfe09 94fdcceb 5001e420 24126ea1",
                0x243f6a88,
                0x85a308d3,
                0x13198a2e,
                0x03707344,
                0xa4093822,
                0x299f31d0);
    }

    private static void assertVector(String expected, int c0, int c1, int c2, int c3, int key0, int key1) {
        int[] out = new int[4];
        Philox.generate(out, c0, c1, c2, c3, key0, key1);
        assertEquals(expected, String.format("%08x %08x %08x %08x", out[0], out[1], out[2], out[3]));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3, 4, 31, 32, 33, 196, 768, 20000})
    void kernelGivesTheBitsOfTheJavaStreamsOnEveryIsaAndThreadCount(int cols) {
        int[] ids = {0, 1, 7, 1_000_000, -1};
        float[] expected = new float[ids.length * cols];
        for (int r = 0; r < ids.length; r++) {
            Philox stream = new Philox(SEED, Philox.Purpose.MASK, EPOCH, ids[r]);
            for (int c = 0; c < cols; c++) {
                expected[r * cols + c] = stream.uniform();
            }
        }
        int[] key = {(int) SEED, (int) (SEED >>> 32), EPOCH, Philox.Purpose.MASK.code};
        TestDevices.forEachDevice((isa, backend) -> {
            for (int threads : backend instanceof CpuBackend ? new int[] {1, 2, 3, 7} : new int[] {1}) {
                TestDevices.withThreads(threads, () -> {
                    try (Arena arena = new Arena(backend);
                            Tape tape = arena.open()) {
                        Tensor out = tape.empty(DType.F32, ids.length, cols);
                        backend.randomUniform(out, tape.of(ids, ids.length), tape.of(key, 4));
                        assertArrayEquals(expected, out.toFloats(), isa + ", " + threads + " threads");
                    }
                });
            }
        });
    }

    @Test
    void dropPathScaleIsFloorOfKeptPlusUniformOverKept() {
        float last = 1 - 0x1p-24f;
        assertScales(0.25f, new float[] {0, 0.25f - 0x1p-24f, 0.25f, 0.5f, last}, 0, 0, 4 / 3f, 4 / 3f, 4 / 3f);
        // 1 + last rounds up to 2: a sample is kept once, not twice
        assertScales(0, new float[] {0, last}, 1, 1);
        assertScales(1, new float[] {0, last}, 0, 0);
    }

    private static void assertScales(float rate, float[] uniform, float... expected) {
        TestDevices.forEachDevice((where, backend) -> {
            try (Arena arena = new Arena(backend);
                    Tape tape = arena.open()) {
                Tensor scale = tape.empty(DType.F32, uniform.length);
                backend.dropPathScale(scale, tape.of(uniform, uniform.length), rate);
                assertArrayEquals(expected, scale.toFloats(), where);
            }
        });
    }
}
