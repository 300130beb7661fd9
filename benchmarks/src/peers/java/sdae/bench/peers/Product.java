package sdae.bench.peers;

import sdae.bench.Case;

/**
 * The product of a linear layer's pass as libraries have it, by the names of the case's tensors: dst [m, n] = a [m, k] b [k, n],
 * where an operand may be stored transposed, row-major all.
 *
 * @param adds dst is added to
 * @param bias the name of what is added to each row, or null
 */
record Product(
        String a,
        boolean aTransposed,
        String b,
        boolean bTransposed,
        String dst,
        int m,
        int k,
        int n,
        boolean adds,
        String bias) {

    /** The case's, or null if it is something else or has more than a bias behind it. */
    static Product of(Case c) {
        return switch (c.kernel()) {
            case GEMM_FORWARD ->
                new Product("x", false, "weight", true, "y", c.size("R"), c.size("in"), c.size("out"), false, "bias");
            case GEMM_DGRAD ->
                new Product("dy", false, "weight", false, "dx", c.size("R"), c.size("out"), c.size("in"), false, null);
            case GEMM_WGRAD ->
                new Product("dy", true, "x", false, "dweight", c.size("out"), c.size("R"), c.size("in"), true, null);
            default -> null;
        };
    }
}
