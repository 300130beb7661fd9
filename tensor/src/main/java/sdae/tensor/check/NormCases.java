package sdae.tensor.check;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.DType;

/** Layer norm over rows and batch norm over columns of x [R, D]. */
final class NormCases {
    private static final float EPS = 1e-6f;
    private static final int[][] SMALL = {{1, 5}, {3, 31}, {4, 32}, {5, 33}, {2, 768}, {70, 96}, {3, 1003}};

    private NormCases() {}

    static List<KernelCase> small(DType dtype) {
        List<KernelCase> cases = new ArrayList<>();
        for (int[] size : SMALL) {
            cases.add(forward(dtype, size[0], size[1]));
            cases.add(backward(dtype, size[0], size[1]));
        }
        for (int[] size : new int[][] {{5, 1}, {7, 31}, {130, 65}, {64, 768}}) {
            cases.add(batchForward(dtype, size[0], size[1], true));
            cases.add(batchForward(dtype, size[0], size[1], false));
            cases.add(batchBackward(dtype, size[0], size[1]));
        }
        return cases;
    }

    static List<KernelCase> method(DType dtype, int images) {
        int rows = images * VitBase.TOKENS;
        int decoderRows = images * VitBase.DECODER_TOKENS;
        return List.of(
                forward(dtype, rows, VitBase.WIDTH),
                backward(dtype, rows, VitBase.WIDTH),
                forward(dtype, decoderRows, VitBase.DECODER_WIDTH),
                backward(dtype, decoderRows, VitBase.DECODER_WIDTH));
    }

    private static String text(int rows, int cols) {
        return "R" + rows + " D" + cols;
    }

    static KernelCase forward(DType dtype, int rows, int cols) {
        return KernelCase.of("layerNormForward", text(rows, cols), dtype)
                .terms(cols)
                .in("x", rows, cols)
                .floats("gamma", Fill.NORMAL, cols)
                .floats("beta", Fill.NORMAL, cols)
                .out("y", rows, cols)
                .outFloats("mean", rows)
                .outFloats("rstd", rows)
                .run((backend, t) -> backend.layerNormForward(
                        t.get("y"), t.get("mean"), t.get("rstd"), t.get("x"), t.get("gamma"), t.get("beta"), EPS))
                .reference((in, out) -> {
                    double[] mean = out.of("mean");
                    double[] rstd = out.of("rstd");
                    moments(in.of("x"), rows, cols, mean, rstd);
                    for (int i = 0; i < rows * cols; i++) {
                        double centred = in.of("x")[i] - mean[i / cols];
                        out.of("y")[i] = centred * rstd[i / cols] * in.of("gamma")[i % cols] + in.of("beta")[i % cols];
                    }
                })
                .flops(8.0 * rows * cols);
    }

    /** dx = rstd (g - mean(g) - xhat mean(g xhat)), g = dy gamma; dgamma += dy xhat, dbeta += dy. */
    static KernelCase backward(DType dtype, int rows, int cols) {
        return KernelCase.of("layerNormBackward", text(rows, cols), dtype)
                .terms(Math.max(rows, cols))
                .in("dy", rows, cols)
                .in("x", rows, cols)
                .floats("gamma", Fill.NORMAL, cols)
                .floats("mean", Fill.derived(v -> moment(v.of("x"), rows, cols, false)), rows)
                .floats("rstd", Fill.derived(v -> moment(v.of("x"), rows, cols, true)), rows)
                .out("dx", rows, cols)
                .adds("dgamma", cols)
                .adds("dbeta", cols)
                .loosen("dx", 2, "g - mean(g) - xhat mean(g xhat) cancels")
                .run((backend, t) -> backend.layerNormBackward(
                        t.get("dx"),
                        t.get("dgamma"),
                        t.get("dbeta"),
                        t.get("dy"),
                        t.get("x"),
                        t.get("gamma"),
                        t.get("mean"),
                        t.get("rstd")))
                .reference((in, out) -> backward(in, out, rows, cols))
                .flops(14.0 * rows * cols);
    }

    private static void backward(Values in, Values out, int rows, int cols) {
        double[] dy = in.of("dy");
        for (int r = 0; r < rows; r++) {
            double rstd = in.of("rstd")[r];
            double[] hat = new double[cols];
            double sum = 0;
            double sumHat = 0;
            for (int c = 0; c < cols; c++) {
                int i = r * cols + c;
                hat[c] = (in.of("x")[i] - in.of("mean")[r]) * rstd;
                double g = dy[i] * in.of("gamma")[c];
                sum += g;
                sumHat += g * hat[c];
                out.of("dgamma")[c] += dy[i] * hat[c];
                out.of("dbeta")[c] += dy[i];
            }
            for (int c = 0; c < cols; c++) {
                double g = dy[r * cols + c] * in.of("gamma")[c];
                out.of("dx")[r * cols + c] = rstd * (g - sum / cols - hat[c] * sumHat / cols);
            }
        }
    }

    private static double[] moment(double[] x, int rows, int cols, boolean wantRstd) {
        double[] mean = new double[rows];
        double[] rstd = new double[rows];
        moments(x, rows, cols, mean, rstd);
        return wantRstd ? rstd : mean;
    }

    private static void moments(double[] x, int rows, int cols, double[] mean, double[] rstd) {
        for (int r = 0; r < rows; r++) {
            double sum = 0;
            for (int c = 0; c < cols; c++) {
                sum += x[r * cols + c];
            }
            mean[r] = sum / cols;
            double squares = 0;
            for (int c = 0; c < cols; c++) {
                squares += Math.pow(x[r * cols + c] - mean[r], 2);
            }
            rstd[r] = 1 / Math.sqrt(squares / cols + EPS);
        }
    }

    private static KernelCase batchForward(DType dtype, int rows, int cols, boolean training) {
        float momentum = 0.1f;
        return KernelCase.of("batchNormForward", text(rows, cols) + (training ? "" : " evaluation"), dtype)
                .terms(rows)
                .in("x", rows, cols)
                .out("y", rows, cols)
                .outFloats("mean", cols)
                .outFloats("rstd", cols)
                .changes("runningMean", Fill.NORMAL, cols)
                .changes("runningVar", Fill.squares(), cols)
                .run((backend, t) -> backend.batchNormForward(
                        t.get("y"),
                        t.get("mean"),
                        t.get("rstd"),
                        t.get("runningMean"),
                        t.get("runningVar"),
                        t.get("x"),
                        EPS,
                        momentum,
                        training))
                .reference((in, out) -> {
                    double[] mean = in.of("runningMean").clone();
                    double[] var = in.of("runningVar").clone();
                    if (training) {
                        columnMoments(in.of("x"), rows, cols, mean, var);
                        for (int c = 0; c < cols; c++) {
                            double unbiased = var[c] * rows / Math.max(1, rows - 1);
                            out.of("runningMean")[c] += momentum * (mean[c] - out.of("runningMean")[c]);
                            out.of("runningVar")[c] += momentum * (unbiased - out.of("runningVar")[c]);
                        }
                    }
                    for (int i = 0; i < rows * cols; i++) {
                        out.of("mean")[i % cols] = mean[i % cols];
                        out.of("rstd")[i % cols] = 1 / Math.sqrt(var[i % cols] + EPS);
                        out.of("y")[i] = (in.of("x")[i] - mean[i % cols]) * out.of("rstd")[i % cols];
                    }
                })
                .flops(6.0 * rows * cols);
    }

    private static KernelCase batchBackward(DType dtype, int rows, int cols) {
        return KernelCase.of("batchNormBackward", text(rows, cols), dtype)
                .terms(rows)
                .in("dy", rows, cols)
                .in("x", rows, cols)
                .floats("mean", Fill.derived(v -> columnMoment(v.of("x"), rows, cols, false)), cols)
                .floats("rstd", Fill.derived(v -> columnMoment(v.of("x"), rows, cols, true)), cols)
                .out("dx", rows, cols)
                .run((backend, t) ->
                        backend.batchNormBackward(t.get("dx"), t.get("dy"), t.get("x"), t.get("mean"), t.get("rstd")))
                .reference((in, out) -> {
                    for (int c = 0; c < cols; c++) {
                        double rstd = in.of("rstd")[c];
                        double sum = 0;
                        double sumHat = 0;
                        for (int i = c; i < rows * cols; i += cols) {
                            sum += in.of("dy")[i];
                            sumHat += in.of("dy")[i] * (in.of("x")[i] - in.of("mean")[c]) * rstd;
                        }
                        for (int i = c; i < rows * cols; i += cols) {
                            double hat = (in.of("x")[i] - in.of("mean")[c]) * rstd;
                            out.of("dx")[i] = rstd * (in.of("dy")[i] - sum / rows - hat * sumHat / rows);
                        }
                    }
                })
                .flops(9.0 * rows * cols);
    }

    private static double[] columnMoment(double[] x, int rows, int cols, boolean wantRstd) {
        double[] mean = new double[cols];
        double[] var = new double[cols];
        columnMoments(x, rows, cols, mean, var);
        for (int c = 0; wantRstd && c < cols; c++) {
            mean[c] = 1 / Math.sqrt(var[c] + EPS);
        }
        return mean;
    }

    /** Mean and biased variance of every column. */
    private static void columnMoments(double[] x, int rows, int cols, double[] mean, double[] var) {
        for (int c = 0; c < cols; c++) {
            mean[c] = 0;
            var[c] = 0;
            for (int r = 0; r < rows; r++) {
                mean[c] += x[r * cols + c] / rows;
            }
            for (int r = 0; r < rows; r++) {
                var[c] += Math.pow(x[r * cols + c] - mean[c], 2) / rows;
            }
        }
    }
}
