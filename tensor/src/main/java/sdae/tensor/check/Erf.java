package sdae.tensor.check;

/** The normal distribution in double, to about 1e-15. */
final class Erf {
    private Erf() {}

    /** Phi(x) = (1 + erf(x / sqrt 2)) / 2. */
    static double normalCdf(double x) {
        return 0.5 + 0.5 * erf(x / Math.sqrt(2));
    }

    /** phi(x), its derivative. */
    static double normalDensity(double x) {
        return Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }

    /** 2/sqrt(pi) exp(-x^2) sum of 2^n x^(2n+1) / (2n+1)!!: all terms have one sign, so nothing cancels. */
    private static double erf(double x) {
        if (Math.abs(x) > 6) {
            return Math.signum(x); // 1 - erf(6) = 2e-17
        }
        double term = x;
        double sum = x;
        for (int n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
            term *= 2 * x * x / (2 * n + 1);
            sum += term;
        }
        return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
    }
}
