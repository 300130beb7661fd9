package sdae.tensor.cuda;

import static org.bytedeco.cuda.global.cublas.CUBLASLT_EPILOGUE_BGRADB;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_EPILOGUE_BIAS;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_EPILOGUE_DEFAULT;

import sdae.tensor.DType;
import sdae.tensor.Tensor;

/**
 * The products by cuBLASLt, where its maths is ours; the rest, and what the library has no algorithm for, by the own kernels.
 *
 * <pre>
 *                      F32                                BF16
 * forward              BIAS epilogue                      without bias only
 * gelu                 BIAS epilogue, then gelu.cu        own
 * residual             BIAS epilogue, C = residual;       own
 *                      own if there is a scale
 * input gradient       cuBLASLt                           cuBLASLt
 * weight gradient      beta = 1, BGRADB, then an addition, in both
 * </pre>
 *
 * A BF16 product's bias would have to be BF16 (the bias has the type of D), ours is F32. cuBLASLt's GELU is the tanh form,
 * ours has the erf. BGRADB writes the bias gradient, ours is added to: so it goes through a buffer.
 *
 * <p>Matrices are seen as cuBLASLt's default column-major order sees them, that is transposed: y^T = weight x^T.
 */
final class CublasLtGemm implements Gemm {
    /** Of bias pointers: without it the library may fail, not just be slower. */
    private static final int BIAS_ALIGNMENT = 16;

    private final CudaDevice device;
    private final Gemm own;
    private final CublasLt library;
    private final CudaDevice.Pair gelu;
    private final CudaDevice.Lazy add;

    CublasLtGemm(CudaDevice device, Gemm own) {
        this.device = device;
        this.own = own;
        library = new CublasLt(device);
        gelu = device.pair("gelu_forward");
        add = device.kernel("add_f32");
    }

    void timed(boolean on) {
        library.timed(on);
    }

    long calls() {
        return library.calls();
    }

    /** y^T [out, R] = weight x^T + beta c^T + bias. */
    private boolean product(Tensor y, Tensor c, Tensor x, Tensor weight, Tensor bias) {
        if (bias != null && (x.dtype() == DType.BF16 || bias.address() % BIAS_ALIGNMENT != 0)) {
            return false;
        }
        int rows = x.shape().rows();
        int in = x.shape().last();
        int out = y.shape().last();
        int epilogue = bias == null ? CUBLASLT_EPILOGUE_DEFAULT : CUBLASLT_EPILOGUE_BIAS;
        int beta = c == y ? 0 : 1;
        return library.at(weight.address(), x.address(), c.address(), y.address(), bias == null ? 0 : bias.address())
                .run(new GemmProblem(x.dtype(), y.dtype(), out, rows, in, true, false, epilogue, beta));
    }

    @Override
    public void forward(Tensor y, Tensor x, Tensor weight, Tensor bias) {
        if (!product(y, y, x, weight, bias)) {
            own.forward(y, x, weight, bias);
        }
    }

    @Override
    public void gelu(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias) {
        Tensor before = pre == null ? y : pre;
        if (!product(before, before, x, weight, bias)) {
            own.gelu(y, pre, x, weight, bias);
            return;
        }
        device.begin(gelu, y).storage(y, before).count(y.count()).launch(y.count(), 1, 1);
    }

    @Override
    public void residual(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor residual, Tensor scale) {
        if (scale != null || !product(y, residual, x, weight, bias)) {
            own.residual(y, x, weight, bias, residual, scale);
        }
    }

    /** dx^T [in, R] = weight^T dy^T. */
    @Override
    public void backwardInput(Tensor dx, Tensor dy, Tensor weight) {
        int rows = dy.shape().rows();
        int in = dx.shape().last();
        int out = dy.shape().last();
        int epilogue = CUBLASLT_EPILOGUE_DEFAULT;
        boolean done = library.at(weight.address(), dy.address(), dx.address(), dx.address(), 0)
                .run(new GemmProblem(dy.dtype(), dx.dtype(), in, rows, out, false, false, epilogue, 0));
        if (!done) {
            own.backwardInput(dx, dy, weight);
        }
    }

    /** dweight^T [in, out] += x^T dy; the sum of dy's rows to a buffer, and from there to dbias. */
    @Override
    public void backwardWeight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x) {
        int rows = dy.shape().rows();
        int in = x.shape().last();
        int out = dy.shape().last();
        long sums = dbias == null ? 0 : device.workspace((long) Float.BYTES * out);
        int epilogue = dbias == null ? CUBLASLT_EPILOGUE_DEFAULT : CUBLASLT_EPILOGUE_BGRADB;
        boolean done = library.at(x.address(), dy.address(), dweight.address(), dweight.address(), sums)
                .run(new GemmProblem(x.dtype(), dweight.dtype(), in, out, rows, false, true, epilogue, 1));
        if (!done) {
            own.backwardWeight(dweight, dbias, dy, x);
        } else if (dbias != null) {
            device.begin(add.get(), DType.F32)
                    .f32(dbias)
                    .address(sums)
                    .count(out)
                    .launch(out, 1, 1);
        }
    }
}
