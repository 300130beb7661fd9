package sdae.tensor.check;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.DType;

/** GELU, residual sums, drop path. */
final class ElementCases {
    private ElementCases() {}

    static List<KernelCase> small(DType dtype) {
        List<KernelCase> cases = new ArrayList<>();
        for (int n : new int[] {1, 31, 257, 4099}) {
            cases.add(geluForward(dtype, n));
            cases.add(geluBackward(dtype, n, false));
            cases.add(geluBackward(dtype, n, true));
            cases.add(geluBoth(dtype, n + 2)); // its error is absolute: one value of its tail alone would not do
        }
        for (int[] size : new int[][] {{1, 1}, {3, 31}, {2, 256}, {5, 1003}}) {
            for (boolean scaled : new boolean[] {true, false}) {
                cases.add(residualForward(dtype, size[0], size[1], scaled));
                cases.add(residualBackward(dtype, size[0], size[1], scaled));
            }
        }
        if (dtype == DType.F32) {
            for (int n : new int[] {1, 8, 300}) {
                cases.add(dropPathScale(n));
            }
        }
        return cases;
    }

    static List<KernelCase> method(DType dtype, int images) {
        int per = VitBase.TOKENS * VitBase.WIDTH;
        int hidden = images * VitBase.TOKENS * VitBase.MLP;
        return List.of(
                geluForward(dtype, hidden),
                geluBackward(dtype, hidden, false),
                geluBoth(dtype, hidden),
                residualForward(dtype, images, per, true),
                residualBackward(dtype, images, per, true));
    }

    static KernelCase geluForward(DType dtype, int n) {
        return KernelCase.of("geluForward", "n" + n, dtype)
                .in("x", Fill.normal(3), n)
                .out("y", n)
                .run((backend, t) -> backend.geluForward(t.get("y"), t.get("x")))
                .reference((in, out) -> {
                    for (int i = 0; i < n; i++) {
                        double x = in.of("x")[i];
                        out.of("y")[i] = x * Erf.normalCdf(x);
                    }
                })
                .flops(25.0 * n);
    }

    static KernelCase geluBackward(DType dtype, int n, boolean inPlace) {
        KernelCase made = KernelCase.of("geluBackward", "n" + n + (inPlace ? " in place" : ""), dtype)
                .in("x", Fill.normal(3), n);
        if (inPlace) {
            made.inPlace("dx", n);
        } else {
            made.in("dy", n).out("dx", n);
        }
        String dy = inPlace ? "dx" : "dy";
        return made.run((backend, t) -> backend.geluBackward(t.get("dx"), null, t.get(dy), t.get("x")))
                .reference((in, out) -> {
                    for (int i = 0; i < n; i++) {
                        out.of("dx")[i] = in.of(dy)[i] * slope(in.of("x")[i]);
                    }
                })
                .flops(30.0 * n);
    }

    /** The backward with GELU's output, both in place. */
    private static KernelCase geluBoth(DType dtype, int n) {
        return KernelCase.of("geluBackward", "n" + n + " with y, in place", dtype)
                .inPlace("x", Fill.normal(3), n)
                .inPlace("dx", n)
                .run((backend, t) -> backend.geluBackward(t.get("dx"), t.get("x"), t.get("dx"), t.get("x")))
                .reference((in, out) -> {
                    for (int i = 0; i < n; i++) {
                        double x = in.of("x")[i];
                        out.of("dx")[i] = in.of("dx")[i] * slope(x);
                        out.of("x")[i] = x * Erf.normalCdf(x);
                    }
                })
                .flops(55.0 * n);
    }

    /** GELU's derivative. */
    private static double slope(double x) {
        return Erf.normalCdf(x) + x * Erf.normalDensity(x);
    }

    private static KernelCase scaled(KernelCase made, int samples, boolean scaled) {
        return scaled ? made.floats("scale", Fill.values(1.25, 0, 2), samples) : made;
    }

    private static String text(int samples, int per, boolean scaled) {
        return "S" + samples + " each" + per + (scaled ? " scaled" : "");
    }

    static KernelCase residualForward(DType dtype, int samples, int per, boolean scaled) {
        KernelCase made = KernelCase.of("residualForward", text(samples, per, scaled), dtype)
                .in("x", samples, per)
                .in("branch", samples, per);
        return scaled(made, samples, scaled)
                .out("y", samples, per)
                .run((backend, t) -> backend.residualForward(t.get("y"), t.get("x"), t.get("branch"), t.get("scale")))
                .reference((in, out) -> {
                    for (int i = 0; i < samples * per; i++) {
                        double scale = scaled ? in.of("scale")[i / per] : 1;
                        out.of("y")[i] = in.of("x")[i] + scale * in.of("branch")[i];
                    }
                })
                .flops(2.0 * samples * per);
    }

    static KernelCase residualBackward(DType dtype, int samples, int per, boolean scaled) {
        KernelCase made = KernelCase.of("residualBackward", text(samples, per, scaled), dtype)
                .in("dy", samples, per);
        return scaled(made, samples, scaled)
                .out("dbranch", samples, per)
                .run((backend, t) -> backend.residualBackward(t.get("dbranch"), t.get("dy"), t.get("scale")))
                .reference((in, out) -> {
                    for (int i = 0; i < samples * per; i++) {
                        out.of("dbranch")[i] = (scaled ? in.of("scale")[i / per] : 1) * in.of("dy")[i];
                    }
                })
                .flops(1.0 * samples * per);
    }

    private static KernelCase dropPathScale(int samples) {
        float rate = 0.25f;
        return KernelCase.of("dropPathScale", "S" + samples, DType.F32)
                .floats("uniform", Fill.UNIFORM, samples)
                .outFloats("scale", samples)
                .run((backend, t) -> backend.dropPathScale(t.get("scale"), t.get("uniform"), rate))
                .reference((in, out) -> {
                    for (int i = 0; i < samples; i++) {
                        out.of("scale")[i] = Math.floor(1 - rate + in.of("uniform")[i]) / (1 - rate);
                    }
                })
                .flops(2.0 * samples);
    }
}
