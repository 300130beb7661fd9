package sdae.tensor;

/** What rounding may cost, relative to the largest value of a tensor. A looser row in a test says why. */
public final class Tolerance {
    public static final double F32_FORWARD = 1e-5;
    public static final double F32_GRADIENT = 1e-4;

    /** Storing a value as BF16 (8 significant bits) moves it by 2^-8 of it at most. */
    public static final double BF16_ROUNDING = 0x1p-8;

    private Tolerance() {}
}
