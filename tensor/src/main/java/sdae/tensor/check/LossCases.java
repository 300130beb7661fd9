package sdae.tensor.check;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.DType;

/** Regression, pixel and cross-entropy losses. */
final class LossCases {
    private static final double DLOSS = 0.7;

    private LossCases() {}

    static List<KernelCase> small(DType dtype) {
        List<KernelCase> cases = new ArrayList<>();
        for (int[] s : new int[][] {{1, 1, 3}, {2, 4, 31}, {3, 7, 33}, {2, 49, 64}}) {
            for (int kind = 0; kind < 2; kind++) {
                cases.add(regressionForward(dtype, s[0], s[1], s[2], kind));
                cases.add(regressionBackward(dtype, s[0], s[1], s[2], kind));
            }
        }
        for (int[] s :
                new int[][] {{1, 1, 4, 4, 2, 1}, {2, 3, 8, 12, 4, 5}, {2, 3, 14, 14, 7, 3}, {1, 3, 32, 32, 16, 3}}) {
            PatchCases.Image image = new PatchCases.Image(s[0], s[1], s[2], s[3], s[4]);
            for (boolean normPix : new boolean[] {false, true}) {
                cases.add(pixelForward(dtype, image, s[5], normPix));
                cases.add(pixelBackward(dtype, image, s[5], normPix));
            }
        }
        for (int[] s : new int[][] {{1, 2}, {3, 10}, {33, 31}, {2, 1000}}) {
            cases.add(crossEntropyForward(dtype, s[0], s[1]));
            cases.add(crossEntropyBackward(dtype, s[0], s[1]));
        }
        return cases;
    }

    static List<KernelCase> method(DType dtype, int images) {
        PatchCases.Image image =
                new PatchCases.Image(images, VitBase.CHANNELS, VitBase.SIDE, VitBase.SIDE, VitBase.PATCH);
        return List.of(
                pixelForward(dtype, image, VitBase.MASKED, true), pixelBackward(dtype, image, VitBase.MASKED, true));
    }

    // ---- regression ----

    private static KernelCase regression(String kernel, DType dtype, int folds, int tokens, int cols, int kind) {
        String text = "F" + folds + " n" + tokens + " D" + cols + (kind == 0 ? " squared" : " smooth");
        return KernelCase.of(kernel, text, dtype)
                .terms((long) folds * tokens + cols)
                .in("pred", folds, tokens, cols)
                .in("teacher", folds, 1 + tokens, cols)
                .traffic("teacher", (long) folds * tokens * cols * dtype.bytes());
    }

    private static KernelCase regressionForward(DType dtype, int folds, int tokens, int cols, int kind) {
        return regression("regressionLossForward", dtype, folds, tokens, cols, kind)
                .outFloats("loss", 1)
                .outFloats("stats", 2 * folds * tokens)
                .run((backend, t) -> backend.regressionLossForward(
                        t.get("loss"), t.get("stats"), t.get("pred"), t.get("teacher"), kind))
                .reference((in, out) -> {
                    double[] target = Targets.of(in.of("teacher"), out.of("stats"), folds, tokens, cols, 1);
                    for (int i = 0; i < target.length; i++) {
                        double e = Math.abs(in.of("pred")[i] - target[i]);
                        double one = kind == 0 ? e * e : e < 1 ? e * e / 2 : e - 0.5;
                        out.of("loss")[0] += one / target.length;
                    }
                })
                .flops(9.0 * folds * tokens * cols);
    }

    private static KernelCase regressionBackward(DType dtype, int folds, int tokens, int cols, int kind) {
        return regression("regressionLossBackward", dtype, folds, tokens, cols, kind)
                .floats("dloss", Fill.values(DLOSS), 1)
                .floats(
                        "stats",
                        Fill.derived(v -> {
                            double[] stats = new double[2 * folds * tokens];
                            Targets.of(v.of("teacher"), stats, folds, tokens, cols, 1);
                            return stats;
                        }),
                        2 * folds * tokens)
                .out("dpred", folds, tokens, cols)
                .run((backend, t) -> backend.regressionLossBackward(
                        t.get("dpred"), t.get("dloss"), t.get("stats"), t.get("pred"), t.get("teacher"), kind))
                .reference((in, out) -> {
                    double[] target = Targets.of(in.of("teacher"), null, folds, tokens, cols, 1);
                    for (int i = 0; i < target.length; i++) {
                        double e = in.of("pred")[i] - target[i];
                        double slope = kind == 0 ? 2 * e : Math.max(-1, Math.min(1, e));
                        out.of("dpred")[i] = in.scalar("dloss") * slope / target.length;
                    }
                })
                .flops(4.0 * folds * tokens * cols);
    }

    // ---- pixels ----

    private static KernelCase pixel(String kernel, DType dtype, PatchCases.Image image, int count, boolean normPix) {
        return KernelCase.of(kernel, image.text() + " M" + count + (normPix ? " normPix" : ""), dtype)
                .terms((long) image.batch() * count + image.values())
                .in("pred", image.batch(), count, image.values())
                .floats("images", Fill.NORMAL, image.batch(), image.channels(), image.height(), image.width())
                .traffic("images", 4L * image.batch() * count * image.values())
                .ids("ids", Fill.distinctIds(count, image.patches()), image.batch(), count);
    }

    static KernelCase pixelForward(DType dtype, PatchCases.Image image, int count, boolean normPix) {
        int rows = image.batch() * count;
        return pixel("pixelLossForward", dtype, image, count, normPix)
                .outFloats("loss", 1)
                .outFloats("stats", 2 * rows)
                .run((backend, t) -> backend.pixelLossForward(
                        t.get("loss"),
                        t.get("stats"),
                        t.get("pred"),
                        t.get("images"),
                        t.get("ids"),
                        image.patch(),
                        normPix))
                .reference((in, out) -> {
                    double[] target = pixels(in, out.of("stats"), image, count, normPix);
                    for (int i = 0; i < target.length; i++) {
                        out.of("loss")[0] += Math.pow(in.of("pred")[i] - target[i], 2) / target.length;
                    }
                })
                .flops(9.0 * rows * image.values());
    }

    static KernelCase pixelBackward(DType dtype, PatchCases.Image image, int count, boolean normPix) {
        int rows = image.batch() * count;
        return pixel("pixelLossBackward", dtype, image, count, normPix)
                .floats("dloss", Fill.values(DLOSS), 1)
                .floats(
                        "stats",
                        Fill.derived(v -> {
                            double[] stats = new double[2 * rows];
                            pixels(v, stats, image, count, normPix);
                            return stats;
                        }),
                        2 * rows)
                .out("dpred", image.batch(), count, image.values())
                .run((backend, t) -> backend.pixelLossBackward(
                        t.get("dpred"),
                        t.get("dloss"),
                        t.get("stats"),
                        t.get("pred"),
                        t.get("images"),
                        t.get("ids"),
                        image.patch(),
                        normPix))
                .reference((in, out) -> {
                    double[] target = pixels(in, new double[2 * rows], image, count, normPix);
                    for (int i = 0; i < target.length; i++) {
                        double e = in.of("pred")[i] - target[i];
                        out.of("dpred")[i] = 2 * in.scalar("dloss") * e / target.length;
                    }
                })
                .flops(4.0 * rows * image.values());
    }

    /** Target patches [B, M, P] in the order row, column, channel; stats: mean, rstd of each (0, 1 if not standardised). */
    private static double[] pixels(Values in, double[] stats, PatchCases.Image image, int count, boolean normPix) {
        double[] target = new double[image.batch() * count * image.values()];
        int at = 0;
        for (int row = 0; row < image.batch() * count; row++) {
            int first = at;
            for (int y = 0; y < image.patch(); y++) {
                for (int x = 0; x < image.patch(); x++) {
                    for (int c = 0; c < image.channels(); c++) {
                        int id = (int) in.of("ids")[row];
                        target[at++] = in.of("images")[image.at(row / count, id, c, y, x)];
                    }
                }
            }
            double[] moments = normPix ? Targets.moments(target, first, image.values()) : new double[] {0, 1};
            System.arraycopy(moments, 0, stats, 2 * row, 2);
            for (int i = first; i < at; i++) {
                target[i] = (target[i] - moments[0]) * moments[1];
            }
        }
        return target;
    }

    // ---- classes ----

    private static KernelCase crossEntropyForward(DType dtype, int rows, int classes) {
        return KernelCase.of("crossEntropyForward", "R" + rows + " C" + classes, dtype)
                .terms(rows + classes)
                .in("logits", rows, classes)
                .floats("target", Fill.UNIFORM, rows, classes)
                .outFloats("loss", 1)
                .outFloats("lse", rows)
                .run((backend, t) ->
                        backend.crossEntropyForward(t.get("loss"), t.get("lse"), t.get("logits"), t.get("target")))
                .reference((in, out) -> {
                    double[] lse = logSumExp(in.of("logits"), rows, classes);
                    System.arraycopy(lse, 0, out.of("lse"), 0, rows);
                    for (int i = 0; i < rows * classes; i++) {
                        out.of("loss")[0] += in.of("target")[i] * (lse[i / classes] - in.of("logits")[i]) / rows;
                    }
                })
                .flops(5.0 * rows * classes);
    }

    /** dz = dloss / R (T softmax(z) - t), T the sum of a row's targets. */
    private static KernelCase crossEntropyBackward(DType dtype, int rows, int classes) {
        return KernelCase.of("crossEntropyBackward", "R" + rows + " C" + classes, dtype)
                .terms(classes)
                .in("logits", rows, classes)
                .floats("target", Fill.UNIFORM, rows, classes)
                .floats("dloss", Fill.values(DLOSS), 1)
                .floats("lse", Fill.derived(v -> logSumExp(v.of("logits"), rows, classes)), rows)
                .out("dlogits", rows, classes)
                .run((backend, t) -> backend.crossEntropyBackward(
                        t.get("dlogits"), t.get("dloss"), t.get("lse"), t.get("logits"), t.get("target")))
                .reference((in, out) -> {
                    double[] target = in.of("target");
                    for (int i = 0; i < rows * classes; i++) {
                        int row = i / classes;
                        double total = 0;
                        for (int c = 0; c < classes; c++) {
                            total += target[row * classes + c];
                        }
                        double softmax = Math.exp(in.of("logits")[i] - in.of("lse")[row]);
                        out.of("dlogits")[i] = in.scalar("dloss") / rows * (total * softmax - target[i]);
                    }
                })
                .flops(5.0 * rows * classes);
    }

    private static double[] logSumExp(double[] logits, int rows, int classes) {
        double[] lse = new double[rows];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < classes; c++) {
                lse[r] += Math.exp(logits[r * classes + c]);
            }
            lse[r] = Math.log(lse[r]);
        }
        return lse;
    }
}
