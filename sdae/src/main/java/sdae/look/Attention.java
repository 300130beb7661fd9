package sdae.look;

import sdae.tensor.Shape;
import sdae.tensor.Tensor;

/** What a token looks at: the softmax that the fused kernel never writes down, from its queries and keys. */
final class Attention {
    private Attention() {}

    /**
     * The attention of the class token to every token, itself first: softmax(q_0 k^T / sqrt(Dh)), in double.
     *
     * @param qkv [B, N, 3, H, Dh]
     * @return [B][H][N], each summing to 1
     */
    static double[][][] ofClassToken(Tensor qkv) {
        Shape shape = qkv.shape();
        int tokens = shape.size(1);
        int heads = shape.size(3);
        int size = shape.size(4);
        float[] values = qkv.toFloats();
        double[][][] attention = new double[shape.size(0)][heads][];
        for (int b = 0; b < attention.length; b++) {
            for (int h = 0; h < heads; h++) {
                double[] scores = new double[tokens];
                for (int n = 0; n < tokens; n++) {
                    int query = (b * tokens * 3 * heads + h) * size;
                    int key = (((b * tokens + n) * 3 + 1) * heads + h) * size;
                    for (int d = 0; d < size; d++) {
                        scores[n] += values[query + d] * (double) values[key + d];
                    }
                    scores[n] /= Math.sqrt(size);
                }
                attention[b][h] = softmax(scores);
            }
        }
        return attention;
    }

    private static double[] softmax(double[] scores) {
        double largest = Double.NEGATIVE_INFINITY;
        for (double score : scores) {
            largest = Math.max(largest, score);
        }
        double sum = 0;
        for (int i = 0; i < scores.length; i++) {
            scores[i] = Math.exp(scores[i] - largest);
            sum += scores[i];
        }
        for (int i = 0; i < scores.length; i++) {
            scores[i] /= sum;
        }
        return scores;
    }
}
