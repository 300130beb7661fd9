package sdae.tensor.op;

import java.util.Arrays;

/** The forward passes once more, as plainly as they can be written, in double; flat row-major arrays. */
public final class Reference {
    private Reference() {}

    /** y = x weight^T + bias. */
    public static double[] linear(double[] x, double[] weight, double[] bias, int in, int out) {
        int rows = x.length / in;
        double[] y = new double[rows * out];
        for (int r = 0; r < rows; r++) {
            for (int o = 0; o < out; o++) {
                double sum = bias[o];
                for (int i = 0; i < in; i++) {
                    sum += x[r * in + i] * weight[o * in + i];
                }
                y[r * out + o] = sum;
            }
        }
        return y;
    }

    public static double[] gelu(double[] x) {
        return Arrays.stream(x)
                .map(v -> 0.5 * v * (1 + org.apache.commons.math3.special.Erf.erf(v / Math.sqrt(2))))
                .toArray();
    }

    /** y = x + scale[sample] * branch; scale null is 1. */
    public static double[] residual(double[] x, double[] branch, double[] scale) {
        double[] y = x.clone();
        int each = scale == null ? x.length : x.length / scale.length;
        for (int i = 0; i < x.length; i++) {
            y[i] += (scale == null ? 1 : scale[i / each]) * branch[i];
        }
        return y;
    }

    public static double[] layerNorm(double[] x, double[] gamma, double[] beta, double eps) {
        int cols = gamma.length;
        double[] y = new double[x.length];
        for (int r = 0; r < x.length / cols; r++) {
            double[] row = standardise(Arrays.copyOfRange(x, r * cols, (r + 1) * cols), cols, eps);
            for (int c = 0; c < cols; c++) {
                y[r * cols + c] = row[c] * gamma[c] + beta[c];
            }
        }
        return y;
    }

    /** (x - mean) / sqrt(sum of squared deviations / divisor + eps). */
    static double[] standardise(double[] x, int divisor, double eps) {
        double mean = Arrays.stream(x).average().orElseThrow();
        double var = Arrays.stream(x).map(v -> (v - mean) * (v - mean)).sum() / divisor;
        return Arrays.stream(x).map(v -> (v - mean) / Math.sqrt(var + eps)).toArray();
    }

    /** qkv [B, N, 3, H, Dh] to [B, N, H, Dh]. */
    public static double[] attention(double[] qkv, int batch, int tokens, int heads, int size) {
        double[] out = new double[batch * tokens * heads * size];
        for (int b = 0; b < batch; b++) {
            for (int h = 0; h < heads; h++) {
                for (int i = 0; i < tokens; i++) {
                    double[] p = new double[tokens];
                    for (int j = 0; j < tokens; j++) {
                        for (int d = 0; d < size; d++) {
                            p[j] += qkv[at(b, i, 0, h, tokens, heads, size) + d]
                                    * qkv[at(b, j, 1, h, tokens, heads, size) + d]
                                    / Math.sqrt(size);
                        }
                    }
                    double largest = Arrays.stream(p).max().orElseThrow();
                    double sum =
                            Arrays.stream(p).map(s -> Math.exp(s - largest)).sum();
                    for (int j = 0; j < tokens; j++) {
                        for (int d = 0; d < size; d++) {
                            out[((b * tokens + i) * heads + h) * size + d] +=
                                    Math.exp(p[j] - largest) / sum * qkv[at(b, j, 2, h, tokens, heads, size) + d];
                        }
                    }
                }
            }
        }
        return out;
    }

    private static int at(int b, int n, int part, int h, int tokens, int heads, int size) {
        return (((b * tokens + n) * 3 + part) * heads + h) * size;
    }

    /** -sum target * log softmax(logits), mean over rows. */
    static double[] crossEntropy(double[] logits, double[] target, int classes) {
        int rows = logits.length / classes;
        double loss = 0;
        for (int r = 0; r < rows; r++) {
            double[] row = Arrays.copyOfRange(logits, r * classes, (r + 1) * classes);
            double largest = Arrays.stream(row).max().orElseThrow();
            double lse = largest
                    + Math.log(
                            Arrays.stream(row).map(v -> Math.exp(v - largest)).sum());
            for (int c = 0; c < classes; c++) {
                loss -= target[r * classes + c] * (row[c] - lse) / rows;
            }
        }
        return new double[] {loss};
    }

    /** Batch norm in training, no affine terms. */
    static double[] batchNorm(double[] x, int cols, double eps) {
        int rows = x.length / cols;
        double[] y = new double[x.length];
        for (int c = 0; c < cols; c++) {
            double[] column = new double[rows];
            for (int r = 0; r < rows; r++) {
                column[r] = x[r * cols + c];
            }
            column = standardise(column, rows, eps);
            for (int r = 0; r < rows; r++) {
                y[r * cols + c] = column[r];
            }
        }
        return y;
    }

    /** One minus the mean cosine of pred [F, n, D] and standardised teacher [F, skip+n, D]. */
    static double[] cosineLoss(
            double[] pred,
            double[] teacher,
            int folds,
            int tokens,
            int cols,
            int skip,
            boolean tokenAxis,
            boolean center) {
        double[] target = target(teacher, folds, tokens, cols, skip);
        double sum = 0;
        int outer = tokenAxis ? cols : tokens;
        int inner = tokenAxis ? tokens : cols;
        for (int f = 0; f < folds; f++) {
            for (int o = 0; o < outer; o++) {
                double[] t = new double[inner];
                double[] s = new double[inner];
                for (int i = 0; i < inner; i++) {
                    int at = tokenAxis ? (f * tokens + i) * cols + o : (f * tokens + o) * cols + i;
                    t[i] = target[at];
                    s[i] = pred[at];
                }
                sum += cosine(center ? centred(t) : t, center ? centred(s) : s);
            }
        }
        return new double[] {1 - sum / (folds * outer)};
    }

    private static double[] centred(double[] x) {
        double mean = Arrays.stream(x).average().orElseThrow();
        return Arrays.stream(x).map(v -> v - mean).toArray();
    }

    private static double cosine(double[] a, double[] b) {
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = 0; i < a.length; i++) {
            ab += a[i] * b[i];
            aa += a[i] * a[i];
            bb += b[i] * b[i];
        }
        return aa < 1e-16 || bb < 1e-16 ? 0 : ab / Math.sqrt(aa) / Math.sqrt(bb);
    }

    /** Standardised teacher tokens, the first skip rows of every fold left out. */
    static double[] target(double[] teacher, int folds, int tokens, int cols, int skip) {
        double[] target = new double[folds * tokens * cols];
        for (int f = 0; f < folds; f++) {
            for (int i = 0; i < tokens; i++) {
                int from = (f * (tokens + skip) + skip + i) * cols;
                double[] row = standardise(Arrays.copyOfRange(teacher, from, from + cols), cols - 1, 1e-6);
                System.arraycopy(row, 0, target, (f * tokens + i) * cols, cols);
            }
        }
        return target;
    }

    /** Mean of d^2 or of smooth L1 of d. */
    static double[] regressionLoss(double[] pred, double[] target, boolean smooth) {
        double sum = 0;
        for (int i = 0; i < pred.length; i++) {
            double d = Math.abs(pred[i] - target[i]);
            sum += !smooth ? d * d : d < 1 ? d * d / 2 : d - 0.5;
        }
        return new double[] {sum / pred.length};
    }

    /** Patch j of image b, values in the order row, column, channel; images [B, C, height, width]. */
    static double[] pixels(double[] images, int b, int j, int channels, int height, int width, int patch) {
        double[] values = new double[channels * patch * patch];
        int cols = width / patch;
        for (int r = 0, at = 0; r < patch; r++) {
            for (int c = 0; c < patch; c++) {
                for (int ch = 0; ch < channels; ch++) {
                    int row = j / cols * patch + r;
                    int column = j % cols * patch + c;
                    values[at++] = images[((b * channels + ch) * height + row) * width + column];
                }
            }
        }
        return values;
    }
}
