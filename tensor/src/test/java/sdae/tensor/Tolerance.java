package sdae.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** What rounding may cost, relative to the largest value of a tensor. A looser row in a test says why. */
public final class Tolerance {
    public static final double F32_FORWARD = 1e-5;
    public static final double F32_GRADIENT = 1e-4;

    /** Storing a value as BF16 (8 significant bits) moves it by 2^-8 of it at most. */
    public static final double BF16_ROUNDING = 0x1p-8;

    private Tolerance() {}

    /** Largest difference at most tolerance times the largest expected value. */
    public static void assertClose(String label, double[] expected, float[] actual, double tolerance) {
        assertEquals(expected.length, actual.length, label + ": count");
        double largest = 1e-6;
        for (double e : expected) {
            largest = Math.max(largest, Math.abs(e));
        }
        for (int i = 0; i < expected.length; i++) {
            double error = Math.abs(expected[i] - actual[i]);
            assertTrue(
                    error <= tolerance * largest,
                    label + " at " + i + ": expected " + expected[i] + ", got " + actual[i] + ", off by " + error
                            + " of largest " + largest + ", allowed " + tolerance);
        }
    }
}
