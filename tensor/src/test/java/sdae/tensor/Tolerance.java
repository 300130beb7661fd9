package sdae.tensor;

/** What rounding may cost, relative to the largest value of a tensor. A looser row in a test says why. */
public final class Tolerance {
    public static final double F32_FORWARD = 1e-5;
    public static final double F32_GRADIENT = 1e-4;

    /** Half a unit in the last place of a BF16 value is 2^-9 of it; results are rounded once more than they must be. */
    public static final double BF16_ULP = 0x1p-8;

    private Tolerance() {}
}
