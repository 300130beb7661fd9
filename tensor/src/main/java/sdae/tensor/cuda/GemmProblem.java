package sdae.tensor.cuda;

import sdae.tensor.DType;

/**
 * D [m, n] = op(A) op(B) + beta C in column-major order, leading dimensions the row counts; op transposes where {@code ta},
 * {@code tb} say so.
 *
 * @param in type of A and B
 * @param out type of C and D
 * @param epilogue what cuBLASLt does to D or B beside the product
 * @param beta 0 or 1
 */
record GemmProblem(DType in, DType out, int m, int n, int k, boolean ta, boolean tb, int epilogue, int beta) {
    boolean empty() {
        return m == 0 || n == 0 || k == 0;
    }

    long resultBytes() {
        return (long) m * n * out.bytes();
    }

    @Override
    public String toString() {
        return "[" + m + ", " + k + "] x [" + k + ", " + n + "] " + in + " to " + out + (ta ? ", A transposed" : "")
                + (tb ? ", B transposed" : "") + ", epilogue " + epilogue + ", beta " + beta;
    }
}
