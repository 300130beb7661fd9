package sdae.tensor.check;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.DType;

/** Attention of packed qkv [B, N, 3, H, Dh]: out [B, N, H, Dh], lse [B, H, N]. */
final class AttentionCases {
    record Size(int batch, int tokens, int heads, int size) {
        String text() {
            return "B" + batch + " N" + tokens + " H" + heads + " Dh" + size;
        }

        /** Where token n of part 0, 1, 2 (q, k, v) begins. */
        int at(int b, int n, int part, int h) {
            return (((b * tokens + n) * 3 + part) * heads + h) * size;
        }

        int outAt(int b, int n, int h) {
            return ((b * tokens + n) * heads + h) * size;
        }

        /** Values of q, of k, of v, of out. */
        int count() {
            return batch * tokens * heads * size;
        }

        double heads(double each) {
            return each * batch * heads;
        }
    }

    private static final Size[] SMALL = {
        new Size(1, 1, 1, 16), new Size(2, 5, 2, 16), new Size(1, 17, 3, 32), new Size(2, 33, 2, 32),
        new Size(1, 50, 2, 64), new Size(1, 64, 1, 64), new Size(1, 65, 1, 80), new Size(1, 49, 2, 48),
        new Size(1, 31, 1, 128), new Size(1, 197, 2, 32), new Size(1, 256, 1, 64), new Size(1, 300, 1, 32)
    };

    private static final String REASON_BF16 = "probabilities and their gradients enter the second product as bf16";

    private AttentionCases() {}

    static List<KernelCase> small(DType dtype) {
        List<KernelCase> cases = new ArrayList<>();
        for (Size s : SMALL) {
            cases.add(forward(dtype, s));
            cases.add(backward(dtype, s));
        }
        return cases;
    }

    /** Forward and backward of one size. */
    static List<KernelCase> of(DType dtype, int batch, int tokens, int heads, int size) {
        Size s = new Size(batch, tokens, heads, size);
        return List.of(forward(dtype, s), backward(dtype, s));
    }

    static List<KernelCase> method(DType dtype, int images) {
        Size student = new Size(images, VitBase.TOKENS, VitBase.HEADS, VitBase.WIDTH / VitBase.HEADS);
        Size folds = new Size(images * VitBase.FOLDS, student.tokens, student.heads, student.size);
        Size decoder = new Size(
                images, VitBase.DECODER_TOKENS, VitBase.DECODER_HEADS, VitBase.DECODER_WIDTH / VitBase.DECODER_HEADS);
        return List.of(
                forward(dtype, student),
                backward(dtype, student),
                forward(dtype, folds),
                forward(dtype, decoder),
                backward(dtype, decoder));
    }

    static KernelCase forward(DType dtype, Size s) {
        int n = s.tokens;
        KernelCase made = KernelCase.of("attentionForward", s.text(), dtype)
                .terms(s.size + n)
                .in("qkv", s.batch, n, 3, s.heads, s.size)
                .out("out", s.batch, n, s.heads, s.size)
                .outFloats("lse", s.batch, s.heads, n)
                .loosen("lse", 2, "its absolute error is that of the largest score");
        if (dtype == DType.BF16) {
            made.loosen("out", 2, REASON_BF16);
        }
        return made.run((backend, t) -> backend.attentionForward(t.get("out"), t.get("lse"), t.get("qkv")))
                .reference((in, out) -> forward(s, in.of("qkv"), out.of("out"), out.of("lse")))
                .flops(s.heads(4.0 * n * n * s.size))
                .mma((long) s.batch * s.heads * (LinearCases.mma(n, n, s.size) + LinearCases.mma(n, s.size, n)));
    }

    /** out and lse may be recomputed from qkv, so neither counts as compulsory traffic. */
    static KernelCase backward(DType dtype, Size s) {
        int n = s.tokens;
        KernelCase made = KernelCase.of("attentionBackward", s.text(), dtype)
                .terms(s.size + n)
                .in("qkv", s.batch, n, 3, s.heads, s.size)
                .in("dout", s.batch, n, s.heads, s.size)
                .in("out", Fill.derived(v -> saved(s, v.of("qkv"), true)), s.batch, n, s.heads, s.size)
                .floats("lse", Fill.derived(v -> saved(s, v.of("qkv"), false)), s.batch, s.heads, n)
                .out("dqkv", s.batch, n, 3, s.heads, s.size)
                .traffic("out", 0)
                .traffic("lse", 0)
                .loosen("dqkv", 2, "dP - rowsum(dP * P) cancels");
        if (dtype == DType.BF16) {
            made.loosen("dqkv", 2, REASON_BF16);
        }
        return made.run((backend, t) -> backend.attentionBackward(
                        t.get("dqkv"), t.get("dout"), t.get("qkv"), t.get("out"), t.get("lse")))
                .reference((in, out) -> backward(s, in.of("qkv"), in.of("dout"), out.of("dqkv")))
                .flops(s.heads(10.0 * n * n * s.size))
                .mma((long) s.batch
                        * s.heads
                        * (2 * LinearCases.mma(n, n, s.size) + 3 * LinearCases.mma(n, s.size, n)));
    }

    private static double[] saved(Size s, double[] qkv, boolean wantOut) {
        double[] out = new double[s.count()];
        double[] lse = new double[s.batch * s.heads * s.tokens];
        forward(s, qkv, out, lse);
        return wantOut ? out : lse;
    }

    /** out = softmax(q k^T / sqrt(Dh)) v, lse = log of the softmax's sum. */
    private static void forward(Size s, double[] qkv, double[] out, double[] lse) {
        double[] p = new double[s.tokens];
        for (int b = 0; b < s.batch; b++) {
            for (int h = 0; h < s.heads; h++) {
                for (int i = 0; i < s.tokens; i++) {
                    lse[(b * s.heads + h) * s.tokens + i] = probabilities(s, qkv, b, h, i, p);
                    for (int j = 0; j < s.tokens; j++) {
                        for (int d = 0; d < s.size; d++) {
                            out[s.outAt(b, i, h) + d] += p[j] * qkv[s.at(b, j, 2, h) + d];
                        }
                    }
                }
            }
        }
    }

    /** Row i of the softmax into p; returns its lse. */
    private static double probabilities(Size s, double[] qkv, int b, int h, int i, double[] p) {
        double largest = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < s.tokens; j++) {
            p[j] = dot(qkv, s.at(b, i, 0, h), qkv, s.at(b, j, 1, h), s.size) / Math.sqrt(s.size);
            largest = Math.max(largest, p[j]);
        }
        double sum = 0;
        for (double score : p) {
            sum += Math.exp(score - largest);
        }
        double lse = largest + Math.log(sum);
        for (int j = 0; j < s.tokens; j++) {
            p[j] = Math.exp(p[j] - lse);
        }
        return lse;
    }

    /** dv = p^T do, dp = do v^T, ds = p (dp - rowsum(dp p)) / sqrt(Dh), dq = ds k, dk = ds^T q. */
    private static void backward(Size s, double[] qkv, double[] dout, double[] dqkv) {
        double[] p = new double[s.tokens];
        double[] ds = new double[s.tokens];
        for (int b = 0; b < s.batch; b++) {
            for (int h = 0; h < s.heads; h++) {
                for (int i = 0; i < s.tokens; i++) {
                    probabilities(s, qkv, b, h, i, p);
                    double delta = 0;
                    for (int j = 0; j < s.tokens; j++) {
                        ds[j] = dot(dout, s.outAt(b, i, h), qkv, s.at(b, j, 2, h), s.size);
                        delta += ds[j] * p[j];
                    }
                    for (int j = 0; j < s.tokens; j++) {
                        double slope = p[j] * (ds[j] - delta) / Math.sqrt(s.size);
                        for (int d = 0; d < s.size; d++) {
                            dqkv[s.at(b, i, 0, h) + d] += slope * qkv[s.at(b, j, 1, h) + d];
                            dqkv[s.at(b, j, 1, h) + d] += slope * qkv[s.at(b, i, 0, h) + d];
                            dqkv[s.at(b, j, 2, h) + d] += p[j] * dout[s.outAt(b, i, h) + d];
                        }
                    }
                }
            }
        }
    }

    private static double dot(double[] a, int i, double[] b, int j, int n) {
        double sum = 0;
        for (int d = 0; d < n; d++) {
            sum += a[i + d] * b[j + d];
        }
        return sum;
    }
}
