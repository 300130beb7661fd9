package sdae.tensor.cuda;

import org.bytedeco.cuda.cudart.CUfunc_st;

/**
 * A loaded kernel and what its .cu file says of its launch ({@code SK_LAUNCH}): threads of a block, items of x and y that a
 * block takes, bytes of dynamic shared memory; and the kinds of its parameters, see {@link Launcher}.
 */
record Kernel(
        String name, CUfunc_st function, int threads, int itemsX, int itemsY, int shared, int parameters, long kinds) {

    /** E.g. {@code sk_add_f32<<<(4, 1, 1), 128, 0 B>>>}. */
    String describe(int x, int y, int z) {
        return name + "<<<(" + x + ", " + y + ", " + z + "), " + threads + ", " + shared + " B>>>";
    }
}
