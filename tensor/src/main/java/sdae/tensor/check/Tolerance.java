package sdae.tensor.check;

import java.util.Locale;
import sdae.tensor.DType;

/** The largest error allowed, relative to the largest expected value of the tensor; 0 asks for the very bits. */
public record Tolerance(double relative, String reason) {
    private static final double HALF_ULP_F32 = 0x1p-24;
    private static final double HALF_ULP_BF16 = 0x1p-8;

    static final Tolerance EXACT = new Tolerance(0, "copied, counted or drawn: the very bits");

    /**
     * Of a tensor stored as {@code dtype} whose values sum {@code terms} products in F32. Rounding errors of a sum grow like
     * a random walk; the factors leave room for another order and for approximations of exp, erf and rsqrt of some units in
     * the last place.
     */
    static Tolerance of(DType dtype, long terms) {
        double sum = HALF_ULP_F32 * (16 + 2 * Math.sqrt((double) terms));
        String reason = String.format(Locale.ROOT, "%d terms in f32: 2^-24 (16 + 2 sqrt(terms)) = %.1e", terms, sum);
        if (dtype == DType.BF16) {
            return new Tolerance(sum + HALF_ULP_BF16, reason + ", stored as bf16: + 2^-8");
        }
        return new Tolerance(sum, reason);
    }

    Tolerance times(double factor, String why) {
        return new Tolerance(relative * factor, reason + "; times " + factor + ": " + why);
    }
}
