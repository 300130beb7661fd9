package sdae.tensor.check;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.DType;

/** Linear layers: x [R, in], weight [out, in], bias [out], y [R, out]. */
final class LinearCases {
    record Size(int rows, int in, int out) {
        String text() {
            return "R" + rows + " in" + in + " out" + out;
        }

        double flops() {
            return 2.0 * rows * in * out;
        }
    }

    private static final Size[] SMALL = {
        new Size(1, 1, 1),
        new Size(3, 5, 7),
        new Size(17, 31, 33),
        new Size(32, 32, 32),
        new Size(33, 64, 40),
        new Size(130, 72, 129),
        new Size(50, 192, 136),
        new Size(200, 16, 24)
    };

    private LinearCases() {}

    static List<KernelCase> small(DType dtype) {
        List<KernelCase> cases = new ArrayList<>();
        for (Size s : SMALL) {
            cases.add(forward(dtype, s, true));
            cases.add(forward(dtype, s, false));
            cases.add(gelu(dtype, s, true));
            cases.add(gelu(dtype, s, false));
            cases.add(residual(dtype, s, s.rows % 10 == 0 ? 10 : 1));
            cases.add(residual(dtype, s, 0));
            cases.add(backwardInput(dtype, s));
            cases.add(backwardWeight(dtype, s, true));
            cases.add(backwardWeight(dtype, s, false));
        }
        return cases;
    }

    static List<KernelCase> method(DType dtype, int images) {
        List<KernelCase> cases = new ArrayList<>();
        layers(cases, dtype, images * VitBase.TOKENS, VitBase.WIDTH, VitBase.MLP, images);
        layers(cases, dtype, images * VitBase.DECODER_TOKENS, VitBase.DECODER_WIDTH, VitBase.DECODER_MLP, 0);
        Size patches = new Size(images * VitBase.VISIBLE, VitBase.PATCH_VALUES, VitBase.WIDTH);
        cases.add(forward(dtype, patches, true));
        cases.add(backwardWeight(dtype, patches, true));
        return cases;
    }

    private static void layers(List<KernelCase> cases, DType dtype, int rows, int width, int mlp, int samples) {
        Size qkv = new Size(rows, width, 3 * width);
        Size proj = new Size(rows, width, width);
        Size fc1 = new Size(rows, width, mlp);
        Size fc2 = new Size(rows, mlp, width);
        cases.add(forward(dtype, qkv, true));
        cases.add(residual(dtype, proj, samples));
        cases.add(gelu(dtype, fc1, true));
        cases.add(residual(dtype, fc2, samples));
        for (Size s : List.of(qkv, proj, fc1, fc2)) {
            cases.add(backwardInput(dtype, s));
            cases.add(backwardWeight(dtype, s, true));
        }
    }

    /** m16n8k16 instructions of an [m, k] times [k, n] product. */
    static long mma(long m, long n, long k) {
        return (m + 15) / 16 * ((n + 7) / 8) * ((k + 15) / 16);
    }

    static KernelCase forward(DType dtype, Size s, boolean biased) {
        KernelCase made = KernelCase.of("linearForward", s.text() + (biased ? "" : " no bias"), dtype)
                .terms(s.in)
                .in("x", s.rows, s.in)
                .in("weight", s.out, s.in);
        if (biased) {
            made.floats("bias", Fill.NORMAL, s.out);
        }
        return made.out("y", s.rows, s.out)
                .run((backend, t) -> backend.linearForward(t.get("y"), t.get("x"), t.get("weight"), t.get("bias")))
                .reference((in, out) -> product(out.of("y"), in, s, biased))
                .flops(s.flops())
                .mma(mma(s.rows, s.out, s.in));
    }

    static KernelCase gelu(DType dtype, Size s, boolean saved) {
        KernelCase made = KernelCase.of("linearGeluForward", s.text() + (saved ? "" : " not saved"), dtype)
                .terms(s.in)
                .in("x", s.rows, s.in)
                .in("weight", s.out, s.in)
                .floats("bias", Fill.NORMAL, s.out)
                .out("y", s.rows, s.out);
        if (saved) {
            made.out("pre", s.rows, s.out);
        }
        return made.run((backend, t) ->
                        backend.linearGeluForward(t.get("y"), t.get("pre"), t.get("x"), t.get("weight"), t.get("bias")))
                .reference((in, out) -> {
                    double[] y = out.of("y");
                    product(y, in, s, true);
                    if (saved) {
                        System.arraycopy(y, 0, out.of("pre"), 0, y.length);
                    }
                    for (int i = 0; i < y.length; i++) {
                        y[i] *= Erf.normalCdf(y[i]);
                    }
                })
                .flops(s.flops())
                .mma(mma(s.rows, s.out, s.in));
    }

    /** {@code samples} 0: no scale. */
    static KernelCase residual(DType dtype, Size s, int samples) {
        String scaled = samples == 0 ? "" : " S" + samples;
        KernelCase made = KernelCase.of("linearResidualForward", s.text() + scaled, dtype)
                .terms(s.in)
                .in("x", s.rows, s.in)
                .in("weight", s.out, s.in)
                .floats("bias", Fill.NORMAL, s.out)
                .in("residual", s.rows, s.out);
        if (samples > 0) {
            made.floats("scale", Fill.values(1.25, 0), samples);
        }
        return made.out("y", s.rows, s.out)
                .run((backend, t) -> backend.linearResidualForward(
                        t.get("y"), t.get("x"), t.get("weight"), t.get("bias"), t.get("residual"), t.get("scale")))
                .reference((in, out) -> {
                    double[] y = out.of("y");
                    product(y, in, s, true);
                    int each = samples == 0 ? y.length : y.length / samples;
                    for (int i = 0; i < y.length; i++) {
                        double scale = samples == 0 ? 1 : in.of("scale")[i / each];
                        y[i] = in.of("residual")[i] + scale * y[i];
                    }
                })
                .flops(s.flops())
                .mma(mma(s.rows, s.out, s.in));
    }

    static KernelCase backwardInput(DType dtype, Size s) {
        return KernelCase.of("linearBackwardInput", s.text(), dtype)
                .terms(s.out)
                .in("dy", s.rows, s.out)
                .in("weight", s.out, s.in)
                .out("dx", s.rows, s.in)
                .run((backend, t) -> backend.linearBackwardInput(t.get("dx"), t.get("dy"), t.get("weight")))
                .reference((in, out) -> {
                    double[] dx = out.of("dx");
                    double[] dy = in.of("dy");
                    double[] weight = in.of("weight");
                    for (int r = 0; r < s.rows; r++) {
                        for (int o = 0; o < s.out; o++) {
                            for (int i = 0; i < s.in; i++) {
                                dx[r * s.in + i] += dy[r * s.out + o] * weight[o * s.in + i];
                            }
                        }
                    }
                })
                .flops(s.flops())
                .mma(mma(s.rows, s.in, s.out));
    }

    static KernelCase backwardWeight(DType dtype, Size s, boolean biased) {
        KernelCase made = KernelCase.of("linearBackwardWeight", s.text() + (biased ? "" : " no bias"), dtype)
                .terms(s.rows)
                .in("dy", s.rows, s.out)
                .in("x", s.rows, s.in)
                .adds("dweight", s.out, s.in);
        if (biased) {
            made.adds("dbias", s.out);
        }
        return made.run((backend, t) ->
                        backend.linearBackwardWeight(t.get("dweight"), t.get("dbias"), t.get("dy"), t.get("x")))
                .reference((in, out) -> {
                    double[] dweight = out.of("dweight");
                    double[] dy = in.of("dy");
                    double[] x = in.of("x");
                    for (int r = 0; r < s.rows; r++) {
                        for (int o = 0; o < s.out; o++) {
                            if (biased) {
                                out.of("dbias")[o] += dy[r * s.out + o];
                            }
                            for (int i = 0; i < s.in; i++) {
                                dweight[o * s.in + i] += dy[r * s.out + o] * x[r * s.in + i];
                            }
                        }
                    }
                })
                .flops(s.flops())
                .mma(mma(s.out, s.in, s.rows));
    }

    /** y = x weight^T + bias. */
    private static void product(double[] y, Values in, Size s, boolean biased) {
        double[] x = in.of("x");
        double[] weight = in.of("weight");
        for (int r = 0; r < s.rows; r++) {
            for (int o = 0; o < s.out; o++) {
                double sum = biased ? in.of("bias")[o] : 0;
                for (int i = 0; i < s.in; i++) {
                    sum += x[r * s.in + i] * weight[o * s.in + i];
                }
                y[r * s.out + o] = sum;
            }
        }
    }
}
