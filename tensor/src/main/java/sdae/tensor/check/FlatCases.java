package sdae.tensor.check;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import sdae.tensor.DType;
import sdae.tensor.Philox;

/** Flat vectors and random numbers. */
final class FlatCases {
    private static final int[] LENGTHS = {1, 31, 32, 33, 257, 5003};

    private FlatCases() {}

    static List<KernelCase> small(DType dtype) {
        List<KernelCase> cases = new ArrayList<>();
        for (int n : LENGTHS) {
            cases.add(fill(dtype, n));
            cases.add(add(dtype, n));
            cases.add(scale(dtype, n));
            if (dtype == DType.F32) {
                cases.add(round(n));
                cases.add(widen(n));
                cases.add(fillFloats(n));
                cases.add(sumSquares(n));
            }
        }
        if (dtype == DType.F32) {
            for (int[] size : new int[][] {{1, 1}, {3, 4}, {2, 31}, {5, 196}, {1, 1027}}) {
                cases.add(randomUniform(size[0], size[1]));
            }
        }
        return cases;
    }

    static List<KernelCase> method(DType dtype, int images) {
        int n = images * VitBase.TOKENS * VitBase.WIDTH;
        List<KernelCase> cases = new ArrayList<>(List.of(add(dtype, n), scale(dtype, n)));
        if (dtype == DType.F32) {
            cases.add(randomUniform(images, VitBase.PATCHES));
            cases.add(sumSquares(UpdateCases.BLOCK_PARAMETERS));
            cases.add(round(UpdateCases.BLOCK_PARAMETERS));
        }
        return cases;
    }

    private static KernelCase fill(DType dtype, int n) {
        return KernelCase.of("fill", "n" + n, dtype)
                .out("y", n)
                .exact()
                .run((backend, t) -> backend.fill(t.get("y"), -1.5f))
                .reference((in, out) -> Arrays.fill(out.of("y"), -1.5));
    }

    private static KernelCase fillFloats(int n) {
        return KernelCase.of("fillFloats", "n" + n, DType.F32)
                .outFloats("y", n)
                .exact()
                .run((backend, t) -> backend.fillFloats(t.get("y").address(), n, 0.1f))
                .reference((in, out) -> Arrays.fill(out.of("y"), 0.1f));
    }

    private static KernelCase add(DType dtype, int n) {
        return KernelCase.of("add", "n" + n, dtype)
                .inPlace("y", n)
                .in("x", n)
                .run((backend, t) -> backend.add(t.get("y"), t.get("x")))
                .reference((in, out) -> {
                    for (int i = 0; i < n; i++) {
                        out.of("y")[i] += in.of("x")[i];
                    }
                })
                .flops(n);
    }

    private static KernelCase scale(DType dtype, int n) {
        return KernelCase.of("scale", "n" + n, dtype)
                .inPlace("y", n)
                .run((backend, t) -> backend.scale(t.get("y"), 0.3f))
                .reference((in, out) -> {
                    for (int i = 0; i < n; i++) {
                        out.of("y")[i] *= 0.3f;
                    }
                })
                .flops(n);
    }

    /** F32 to BF16, to the nearest, ties to even. */
    private static KernelCase round(int n) {
        return KernelCase.of("cast", "n" + n + " to bf16", DType.BF16)
                .out("y", n)
                .floats("x", Fill.NORMAL, n)
                .exact()
                .run((backend, t) -> backend.cast(t.get("y"), t.get("x")))
                .reference((in, out) -> {
                    System.arraycopy(in.of("x"), 0, out.of("y"), 0, n);
                    Storage.round(out.of("y"), DType.BF16);
                });
    }

    private static KernelCase widen(int n) {
        return KernelCase.of("cast", "n" + n + " to f32", DType.BF16)
                .outFloats("y", n)
                .in("x", n)
                .exact()
                .run((backend, t) -> backend.cast(t.get("y"), t.get("x")))
                .reference((in, out) -> System.arraycopy(in.of("x"), 0, out.of("y"), 0, n));
    }

    private static KernelCase sumSquares(int n) {
        return KernelCase.of("sumSquares", "n" + n, DType.F32)
                .floats("x", Fill.NORMAL, n)
                .outFloats("sum", 1)
                .answersHost()
                .run((backend, t) -> t.get("sum").set((float) backend.sumSquares(t.get("x"))))
                .reference((in, out) -> out.of("sum")[0] =
                        Arrays.stream(in.of("x")).map(x -> x * x).sum())
                .flops(2.0 * n);
    }

    /** Against the generator in Java, bit for bit. */
    private static KernelCase randomUniform(int rows, int cols) {
        long seed = 0x1234_5678_9ABCL;
        int epoch = 7;
        return KernelCase.of("randomUniform", "R" + rows + " C" + cols, DType.F32)
                .ids("ids", Fill.distinctIds(rows, 1_000_000), rows)
                .ids("key", Fill.values((int) seed, (int) (seed >>> 32), epoch, Philox.Purpose.MASK.code), 4)
                .outFloats("out", rows, cols)
                .exact()
                .run((backend, t) -> backend.randomUniform(t.get("out"), t.get("ids"), t.get("key")))
                .reference((in, out) -> {
                    for (int r = 0; r < rows; r++) {
                        Philox stream = new Philox(seed, Philox.Purpose.MASK, epoch, in.ints("ids")[r]);
                        for (int c = 0; c < cols; c++) {
                            out.of("out")[r * cols + c] = stream.uniform();
                        }
                    }
                });
    }
}
