package sdae.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** How the CPU's kernels round to BF16 and widen again, on every instruction set. */
class Bf16StorageTest {
    /** Below, at and above a tie, and nothing to round. */
    private static final int[] LOWER_HALVES = {0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF};

    /** Every upper half with each of these lower ones: all exponents, denormals, infinities, NaN. */
    private static float[] everyKind() {
        float[] values = new float[LOWER_HALVES.length << 16];
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.intBitsToFloat(i / LOWER_HALVES.length << 16 | LOWER_HALVES[i % LOWER_HALVES.length]);
        }
        return values;
    }

    private static int rounded(float value) {
        int bits = Float.floatToRawIntBits(value);
        return bits + 0x7FFF + (bits >>> 16 & 1) & 0xFFFF0000;
    }

    @Test
    void everyNumberIsRoundedToNearestEvenAndNanStaysNan() {
        float[] values = everyKind();
        Backend cpu = new CpuBackend();
        TestDevices.forEachIsa(isa -> {
            // odd lengths: whole vectors and every tail
            for (int n : new int[] {values.length, 1, 3, 7, 15, 17, 31}) {
                try (Arena arena = new Arena(cpu);
                        Tape tape = arena.open()) {
                    float[] in = new float[n];
                    System.arraycopy(values, n == values.length ? 0 : values.length / 3, in, 0, n);
                    Tensor low = tape.empty(DType.BF16, n);
                    Tensor back = tape.empty(DType.F32, n);
                    cpu.cast(low, tape.of(in, n));
                    cpu.cast(back, low);
                    float[] out = back.toFloats();
                    for (int i = 0; i < n; i++) {
                        String where = isa + ": " + Integer.toHexString(Float.floatToRawIntBits(in[i]));
                        if (Float.isNaN(in[i])) {
                            assertTrue(Float.isNaN(out[i]), where);
                        } else {
                            assertEquals(rounded(in[i]), Float.floatToRawIntBits(out[i]), where);
                        }
                    }
                }
            }
        });
    }
}
