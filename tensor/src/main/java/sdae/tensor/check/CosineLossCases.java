package sdae.tensor.check;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.DType;

/** SdAE's loss: pred [F, n, D] against the standardised teacher [F, skip+n, D]. */
final class CosineLossCases {
    /** axis 0: a cosine per fold and channel, over tokens; 1: per token, over channels. */
    record Size(int folds, int tokens, int cols, int skip, int axis, boolean center) {
        int rows() {
            return folds * tokens;
        }

        int cosines() {
            return axis == 0 ? folds * cols : rows();
        }

        /** Values that a cosine runs over. */
        int length() {
            return axis == 0 ? tokens : cols;
        }

        /** Where value i of cosine k is. */
        int at(int k, int i) {
            return axis == 0 ? (k / cols * tokens + i) * cols + k % cols : k * cols + i;
        }

        int stats() {
            return 2 * rows() + 5 * cosines();
        }

        String text() {
            return "F" + folds + " n" + tokens + " D" + cols + " skip" + skip + (axis == 0 ? " tokens" : " channels")
                    + (center ? " centred" : "");
        }
    }

    private static final double DEAD = 1e-16;

    private CosineLossCases() {}

    static List<KernelCase> small(DType dtype) {
        List<KernelCase> cases = new ArrayList<>();
        for (int[] s : new int[][] {{1, 1, 3}, {2, 4, 31}, {3, 7, 33}, {3, 12, 64}, {2, 49, 96}}) {
            for (int variant = 0; variant < 3; variant++) {
                Size size = new Size(s[0], s[1], s[2], s[1] % 2, variant == 2 ? 1 : 0, variant == 1);
                if (size.length() > 1 || !size.center) {
                    cases.add(forward(dtype, size));
                }
                cases.add(backward(dtype, size));
            }
            cases.add(normalizeTarget(dtype, s[0], s[1], s[2]));
        }
        return cases;
    }

    static List<KernelCase> method(DType dtype, int images) {
        Size size = new Size(images * VitBase.FOLDS, VitBase.VISIBLE, VitBase.WIDTH, 1, 0, false);
        return List.of(forward(dtype, size), backward(dtype, size));
    }

    private static KernelCase inputs(String kernel, DType dtype, Size s) {
        return KernelCase.of(kernel, s.text(), dtype)
                .terms(s.rows() + s.cols)
                .in("pred", s.folds, s.tokens, s.cols)
                .in("teacher", s.folds, s.skip + s.tokens, s.cols)
                .traffic("teacher", (long) s.rows() * s.cols * dtype.bytes());
    }

    static KernelCase forward(DType dtype, Size s) {
        return inputs("cosineLossForward", dtype, s)
                .outFloats("loss", 1)
                .outFloats("stats", s.stats())
                .run((backend, t) -> backend.cosineLossForward(
                        t.get("loss"), t.get("stats"), t.get("pred"), t.get("teacher"), s.axis, s.center))
                .reference((in, out) -> out.of("loss")[0] = loss(in, out.of("stats"), s))
                .flops(13.0 * s.rows() * s.cols);
    }

    static KernelCase backward(DType dtype, Size s) {
        return inputs("cosineLossBackward", dtype, s)
                .floats("dloss", Fill.values(0.7), 1)
                .floats(
                        "stats",
                        Fill.derived(v -> {
                            double[] stats = new double[s.stats()];
                            loss(v, stats, s);
                            return stats;
                        }),
                        s.stats())
                .traffic("stats", 4L * s.stats())
                .out("dpred", s.folds, s.tokens, s.cols)
                .loosen("dpred", 2, "t - (t.s/|s|^2) s cancels")
                .run((backend, t) -> backend.cosineLossBackward(
                        t.get("dpred"),
                        t.get("dloss"),
                        t.get("stats"),
                        t.get("pred"),
                        t.get("teacher"),
                        s.axis,
                        s.center))
                .reference((in, out) -> gradient(in, out.of("dpred"), s))
                .flops(8.0 * s.rows() * s.cols);
    }

    /** The five numbers of cosine k: t.s, |t|^2, |s|^2, mean t, mean s. */
    private static double[] cosine(double[] target, double[] pred, Size s, int k) {
        double meanT = 0;
        double meanS = 0;
        for (int i = 0; s.center && i < s.length(); i++) {
            meanT += target[s.at(k, i)] / s.length();
            meanS += pred[s.at(k, i)] / s.length();
        }
        double ts = 0;
        double tt = 0;
        double ss = 0;
        for (int i = 0; i < s.length(); i++) {
            double a = target[s.at(k, i)] - meanT;
            double b = pred[s.at(k, i)] - meanS;
            ts += a * b;
            tt += a * a;
            ss += b * b;
        }
        return new double[] {ts, tt, ss, meanT, meanS};
    }

    private static double loss(Values in, double[] stats, Size s) {
        double[] target = Targets.of(in.of("teacher"), stats, s.folds, s.tokens, s.cols, s.skip);
        double sum = 0;
        for (int k = 0; k < s.cosines(); k++) {
            double[] c = cosine(target, in.of("pred"), s, k);
            for (int plane = 0; plane < c.length; plane++) {
                stats[2 * s.rows() + plane * s.cosines() + k] = c[plane];
            }
            sum += c[1] < DEAD || c[2] < DEAD ? 0 : c[0] / Math.sqrt(c[1]) / Math.sqrt(c[2]);
        }
        return 1 - sum / s.cosines();
    }

    /** ds = -dloss/cosines (t - (t.s/|s|^2) s) / (|t| |s|); a cosine of one value is a sign, its gradient 0. */
    private static void gradient(Values in, double[] dpred, Size s) {
        double[] target = Targets.of(in.of("teacher"), null, s.folds, s.tokens, s.cols, s.skip);
        double[] pred = in.of("pred");
        for (int k = 0; s.length() > 1 && k < s.cosines(); k++) {
            double[] c = cosine(target, pred, s, k);
            if (c[1] < DEAD || c[2] < DEAD) {
                continue;
            }
            double weight = -in.scalar("dloss") / s.cosines() / Math.sqrt(c[1]) / Math.sqrt(c[2]);
            for (int i = 0; i < s.length(); i++) {
                int at = s.at(k, i);
                dpred[at] = weight * (target[at] - c[3] - c[0] / c[2] * (pred[at] - c[4]));
            }
        }
    }

    private static KernelCase normalizeTarget(DType dtype, int folds, int tokens, int cols) {
        int skip = 1;
        return KernelCase.of("normalizeTarget", "F" + folds + " n" + tokens + " D" + cols, dtype)
                .terms(cols)
                .in("teacher", folds, skip + tokens, cols)
                .out("target", folds, tokens, cols)
                .run((backend, t) -> backend.normalizeTarget(t.get("target"), t.get("teacher")))
                .reference((in, out) -> {
                    double[] target = Targets.of(in.of("teacher"), null, folds, tokens, cols, skip);
                    System.arraycopy(target, 0, out.of("target"), 0, target.length);
                });
    }
}
