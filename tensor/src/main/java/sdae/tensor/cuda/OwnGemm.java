package sdae.tensor.cuda;

import static sdae.tensor.cuda.CudaDevice.ceilDiv;

import sdae.tensor.Tensor;

/** The own tensor-core kernels: gemm.cu. */
final class OwnGemm implements Gemm {
    private final CudaDevice device;
    private final Product forward;
    private final Product gelu;
    private final Product residual;
    private final Product backwardInput;
    private final Product backwardWeight;
    private final CudaDevice.Lazy backwardWeightSum;

    OwnGemm(CudaDevice device) {
        this.device = device;
        forward = new Product("linear_forward");
        gelu = new Product("linear_gelu_forward");
        residual = new Product("linear_residual_forward");
        backwardInput = new Product("linear_backward_input");
        backwardWeight = new Product("linear_backward_weight");
        backwardWeightSum = device.kernel("linear_backward_weight_sum");
    }

    /** A product in large tiles, and in small ones for a C [m, n] that has few of them; both give the same bits. */
    private final class Product {
        private static final int TILE = 128;
        private static final int ENOUGH = 96;

        private final CudaDevice.Pair large;
        private final CudaDevice.Pair small;

        Product(String function) {
            large = device.pair(function, "_t128");
            small = device.pair(function, "_t64");
        }

        Launcher begin(Tensor x, int m, int n, int parts) {
            boolean many = (long) ceilDiv(m, TILE) * ceilDiv(n, TILE) * parts >= ENOUGH;
            return device.begin(many ? large : small, x);
        }
    }

    @Override
    public void forward(Tensor y, Tensor x, Tensor weight, Tensor bias) {
        int rows = x.shape().rows();
        int out = y.shape().last();
        forward.begin(x, rows, out, 1)
                .storage(y, x, weight)
                .f32OrNull(bias)
                .size(rows, x.shape().last(), out)
                .launch(out, rows, 1);
    }

    @Override
    public void gelu(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias) {
        int rows = x.shape().rows();
        int out = y.shape().last();
        gelu.begin(x, rows, out, 1)
                .storage(y)
                .storageOrNull(pre)
                .storage(x, weight)
                .f32(bias)
                .size(rows, x.shape().last(), out)
                .launch(out, rows, 1);
    }

    @Override
    public void residual(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor residual, Tensor scale) {
        int rows = x.shape().rows();
        int out = y.shape().last();
        this.residual
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
    public void backwardInput(Tensor dx, Tensor dy, Tensor weight) {
        int rows = dy.shape().rows();
        int in = dx.shape().last();
        backwardInput
                .begin(dy, rows, in, 1)
                .storage(dx, dy, weight)
                .size(rows, in, dy.shape().last())
                .launch(in, rows, 1);
    }

    @Override
    public void backwardWeight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x) {
        int rows = dy.shape().rows();
        int in = x.shape().last();
        int out = dy.shape().last();
        int parts = parts(rows, in, out);
        long sums = parts == 1 ? 0 : device.workspace((long) Float.BYTES * parts * out * (in + 1));
        backwardWeight
                .begin(x, out, in, parts)
                .f32(dweight)
                .f32OrNull(dbias)
                .storage(dy, x)
                .size(rows, in, out)
                .address(sums)
                .launch(in, out, parts);
        if (parts > 1) {
            device.begin(backwardWeightSum)
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
}
