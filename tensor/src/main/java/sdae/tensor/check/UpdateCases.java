package sdae.tensor.check;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.DType;

/** Optimizers and the teacher's update: F32 whatever activations are. */
final class UpdateCases {
    /** Weights and biases of one encoder block of ViT-B. */
    static final int BLOCK_PARAMETERS = 12 * VitBase.WIDTH * VitBase.WIDTH + 13 * VitBase.WIDTH;

    private static final double[] ADAMW = {1e-2, 0.9, 0.95, 1e-8, 0.4, 0.271, 0.142625, 0.5};
    private static final double MOMENTUM = 0.96;
    private static final double[] LARS = {0.1, 0.9, 0.02, 0.3};

    private UpdateCases() {}

    static List<KernelCase> small(DType dtype) {
        List<KernelCase> cases = new ArrayList<>();
        if (dtype == DType.F32) {
            for (int n : new int[] {1, 31, 33, 1000, 5003}) {
                cases.add(adamw(n, false));
                cases.add(adamw(n, true));
                cases.add(ema(n, false));
                cases.add(ema(n, true));
                cases.add(lars(n + 1, true));
                cases.add(lars(n + 1, false));
            }
        }
        return cases;
    }

    static List<KernelCase> method(DType dtype) {
        return dtype == DType.F32
                ? List.of(adamw(BLOCK_PARAMETERS, false), adamw(BLOCK_PARAMETERS, true), ema(BLOCK_PARAMETERS, false))
                : List.of();
    }

    /** {@code whole}: with what a training step of a BF16 model appends, the rounded copies and the teacher's update. */
    static KernelCase adamw(int n, boolean whole) {
        KernelCase made = KernelCase.of("adamw", "n" + n + (whole ? " low teacher" : ""), DType.F32)
                .changes("param", Fill.NORMAL, n)
                .changes("m", Fill.NORMAL, n)
                .changes("v", Fill.squares(), n)
                .changes("grad", Fill.NORMAL, n)
                .floats("hyper", Fill.values(ADAMW), 8);
        if (whole) {
            made.floats("momentum", Fill.values(MOMENTUM), 1)
                    .changes("teacher", Fill.NORMAL, n)
                    .outAs(DType.BF16, "low", n)
                    .outAs(DType.BF16, "teacherLow", n);
        }
        return made.run((backend, t) -> backend.adamw(
                        t.get("param"),
                        t.get("low"),
                        t.get("m"),
                        t.get("v"),
                        t.get("grad"),
                        t.get("teacher"),
                        t.get("teacherLow"),
                        t.get("hyper"),
                        t.get("momentum")))
                .reference((in, out) -> {
                    double[] h = in.of("hyper");
                    double[] p = out.of("param");
                    double[] m = out.of("m");
                    double[] v = out.of("v");
                    for (int i = 0; i < n; i++) {
                        double g = h[7] * in.of("grad")[i];
                        p[i] *= 1 - h[0] * h[4];
                        m[i] = h[1] * m[i] + (1 - h[1]) * g;
                        v[i] = h[2] * v[i] + (1 - h[2]) * g * g;
                        p[i] -= h[0] / h[5] * m[i] / (Math.sqrt(v[i]) / Math.sqrt(h[6]) + h[3]);
                        out.of("grad")[i] = 0;
                        if (whole) {
                            double teacher = in.of("teacher")[i];
                            teacher += (1 - in.scalar("momentum")) * (p[i] - teacher);
                            out.of("teacher")[i] = teacher;
                            out.of("teacherLow")[i] = teacher;
                            out.of("low")[i] = p[i];
                        }
                    }
                })
                .flops(14.0 * n);
    }

    static KernelCase ema(int n, boolean rounded) {
        KernelCase made = KernelCase.of("ema", "n" + n + (rounded ? " low" : ""), DType.F32)
                .changes("teacher", Fill.NORMAL, n)
                .floats("student", Fill.NORMAL, n)
                .floats("momentum", Fill.values(MOMENTUM), 1);
        if (rounded) {
            made.outAs(DType.BF16, "low", n);
        }
        return made.run((backend, t) ->
                        backend.ema(t.get("teacher"), t.get("low"), t.get("student"), t.get("momentum")))
                .reference((in, out) -> {
                    double rest = 1 - in.scalar("momentum");
                    for (int i = 0; i < n; i++) {
                        out.of("teacher")[i] += rest * (in.of("student")[i] - in.of("teacher")[i]);
                        if (rounded) {
                            out.of("low")[i] = out.of("teacher")[i];
                        }
                    }
                })
                .flops(3.0 * n);
    }

    private static KernelCase lars(int n, boolean adapt) {
        return KernelCase.of("lars", "n" + n + (adapt ? "" : " plain"), DType.F32)
                .terms(n)
                .changes("param", Fill.NORMAL, n)
                .changes("mu", Fill.NORMAL, n)
                .floats("grad", Fill.NORMAL, n)
                .floats("hyper", Fill.values(LARS), 4)
                .run((backend, t) -> backend.lars(t.get("param"), t.get("mu"), t.get("grad"), t.get("hyper"), adapt))
                .reference((in, out) -> {
                    double[] h = in.of("hyper");
                    double[] g = in.of("grad").clone();
                    double params = 0;
                    double grads = 0;
                    for (int i = 0; i < n; i++) {
                        g[i] += adapt ? h[3] * in.of("param")[i] : 0;
                        params += in.of("param")[i] * in.of("param")[i];
                        grads += g[i] * g[i];
                    }
                    double factor = adapt ? h[2] * Math.sqrt(params / grads) : 1;
                    for (int i = 0; i < n; i++) {
                        double mu = h[1] * in.of("mu")[i] + factor * g[i];
                        out.of("mu")[i] = mu;
                        out.of("param")[i] -= h[0] * mu;
                    }
                })
                .flops(8.0 * n);
    }
}
