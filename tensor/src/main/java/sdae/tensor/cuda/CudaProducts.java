package sdae.tensor.cuda;

import sdae.tensor.DType;
import sdae.tensor.Shape;
import sdae.tensor.Tensor;

/** The matrix products: linear layers (gemm.cu) and attention (attention.cu, attention_tiled.cu). */
abstract class CudaProducts extends CudaDense {
    private final Linear forward = new Linear("linear_forward");
    private final Linear geluForward = new Linear("linear_gelu_forward");
    private final Linear residualForward = new Linear("linear_residual_forward");
    private final Linear backwardInput = new Linear("linear_backward_input");
    private final Linear backwardWeight = new Linear("linear_backward_weight");
    private final Lazy backwardWeightSum = kernel("linear_backward_weight_sum");
    private final AttentionVariants attentionForward = new AttentionVariants(this, "attention_forward");
    private final AttentionVariants attentionBackward = new AttentionVariants(this, "attention_backward");

    CudaProducts(boolean simulated) {
        super(simulated);
    }

    /** A product in large tiles, and in small ones for a C [m, n] that has few of them; both give the same bits. */
    private final class Linear {
        private static final int TILE = 128;
        private static final int ENOUGH = 96;

        private final Pair large;
        private final Pair small;

        Linear(String function) {
            large = pair(function, "_t128");
            small = pair(function, "_t64");
        }

        Launcher begin(Tensor x, int m, int n, int parts) {
            boolean many = (long) ceilDiv(m, TILE) * ceilDiv(n, TILE) * parts >= ENOUGH;
            return CudaProducts.this.begin(many ? large : small, x);
        }
    }

    @Override
    public void linearForward(Tensor y, Tensor x, Tensor weight, Tensor bias) {
        int rows = x.shape().rows();
        int out = y.shape().last();
        forward.begin(x, rows, out, 1)
                .storage(y, x, weight)
                .f32OrNull(bias)
                .size(rows, x.shape().last(), out)
                .launch(out, rows, 1);
    }

    @Override
    public void linearGeluForward(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias) {
        int rows = x.shape().rows();
        int out = y.shape().last();
        geluForward
                .begin(x, rows, out, 1)
                .storage(y)
                .storageOrNull(pre)
                .storage(x, weight)
                .f32(bias)
                .size(rows, x.shape().last(), out)
                .launch(out, rows, 1);
    }

    @Override
    public void linearResidualForward(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor residual, Tensor scale) {
        int rows = x.shape().rows();
        int out = y.shape().last();
        residualForward
                .begin(x, rows, out, 1)
                .storage(y, x, weight)
                .f32(bias)
                .storage(residual)
                .f32OrNull(scale)
                .size(rows, x.shape().last(), out)
                .size(scale == null ? 1 : rows / scale.count())
                .launch(out, rows, 1);
    }

    @Override
    public void linearBackwardInput(Tensor dx, Tensor dy, Tensor weight) {
        int rows = dy.shape().rows();
        int in = dx.shape().last();
        backwardInput
                .begin(dy, rows, in, 1)
                .storage(dx, dy, weight)
                .size(rows, in, dy.shape().last())
                .launch(in, rows, 1);
    }

    @Override
    public void linearBackwardWeight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x) {
        int rows = dy.shape().rows();
        int in = x.shape().last();
        int out = dy.shape().last();
        int parts = parts(rows, in, out);
        long sums = parts == 1 ? 0 : workspace((long) Float.BYTES * parts * out * (in + 1));
        backwardWeight
                .begin(x, out, in, parts)
                .f32(dweight)
                .f32OrNull(dbias)
                .storage(dy, x)
                .size(rows, in, out)
                .address(sums)
                .launch(in, out, parts);
        if (parts > 1) {
            begin(backwardWeightSum)
                    .f32(dweight)
                    .f32OrNull(dbias)
                    .size(rows, in, out)
                    .address(sums)
                    .launch((long) out * (in + 1), 1, 1);
        }
    }

    /** Parts that the rows of a weight gradient are summed in: the rule of gemm.cu. */
    private static int parts(int rows, int in, int out) {
        int tiles = ceilDiv(out, 128) * ceilDiv(in, 128);
        int wanted = Math.min(ceilDiv(192, tiles), ceilDiv(rows, 512));
        int each = ceilDiv(ceilDiv(rows, Math.max(1, wanted)), 32) * 32;
        return ceilDiv(rows, Math.max(1, each));
    }

    @Override
    public void attentionForward(Tensor out, Tensor lse, Tensor qkv) {
        Shape shape = qkv.shape();
        begin(attentionForward, qkv)
                .storage(out)
                .f32(lse)
                .storage(qkv)
                .size(shape.size(0), shape.size(1), shape.size(3), shape.size(4))
                .launch(shape.size(1), shape.size(3), shape.size(0));
    }

    @Override
    public void attentionBackward(Tensor dqkv, Tensor dout, Tensor qkv, Tensor out, Tensor lse) {
        Shape shape = qkv.shape();
        begin(attentionBackward, qkv)
                .storage(dqkv, dout, qkv)
                .storage(out)
                .f32(lse)
                .size(shape.size(0), shape.size(1), shape.size(3), shape.size(4))
                .launch(shape.size(1), shape.size(3), shape.size(0));
    }

    private Launcher begin(AttentionVariants variants, Tensor qkv) {
        DType dtype = qkv.dtype();
        return begin(variants.choose(dtype, qkv.shape().size(1), qkv.shape().size(4)), dtype);
    }
}
