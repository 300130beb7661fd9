package sdae.tensor;

/** What rounding may cost, relative to the largest value of a tensor. A looser row in a test says why. */
public final class Tolerance {
    public static final double F32_FORWARD = 1e-5;
    public static final double F32_GRADIENT = 1e-4;

    private Tolerance() {}
}
