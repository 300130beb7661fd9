package sdae.tensor.cuda;

import sdae.tensor.Backend;
import sdae.tensor.Tensor;

/**
 * The products of linear layers, as {@link Backend} has them: x [R, in], weight [out, in], bias [out], y, pre, residual, dy
 * [R, out], dx [R, in]. Sums are F32; dweight and dbias are F32 and added to.
 */
interface Gemm {
    /** y = x weight^T + bias; bias may be null. */
    void forward(Tensor y, Tensor x, Tensor weight, Tensor bias);

    /** pre = x weight^T + bias, y = gelu(pre) with the exact erf; pre may be null. */
    void gelu(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias);

    /** y = residual + scale (x weight^T + bias); scale has a value a sample, or is null. */
    void residual(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor residual, Tensor scale);

    /** dx = dy weight. */
    void backwardInput(Tensor dx, Tensor dy, Tensor weight);

    /** dweight += dy^T x, dbias += the sum of dy's rows; dbias may be null. */
    void backwardWeight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x);
}
