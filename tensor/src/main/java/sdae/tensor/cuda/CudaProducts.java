package sdae.tensor.cuda;

import sdae.tensor.DType;
import sdae.tensor.DeviceException;
import sdae.tensor.GemmChoice;
import sdae.tensor.Shape;
import sdae.tensor.Tensor;

/** The matrix products: linear layers ({@link Gemm}) and attention (attention.cu, attention_tiled.cu). */
abstract class CudaProducts extends CudaDense {
    private final OwnGemm own = new OwnGemm(this);
    private final AttentionVariants attentionForward = new AttentionVariants(this, "attention_forward");
    private final AttentionVariants attentionBackward = new AttentionVariants(this, "attention_backward");
    private CublasLtGemm cublas;
    private Gemm f32 = own;
    private Gemm bf16 = own;

    CudaProducts(boolean simulated) {
        super(simulated);
    }

    /**
     * Who computes the products of linear layers from now on.
     *
     * @param timed whether cuBLASLt's algorithms are timed at the first use of a shape, not taken as its heuristic ranks them
     * @throws DeviceException when cuBLASLt is asked for and not there
     */
    public final void useGemm(GemmChoice choice, boolean timed) {
        boolean simulated = name().equals("cuda-sim");
        if (choice == GemmChoice.CUBLASLT || (choice == GemmChoice.AUTO && !simulated)) {
            try {
                cublas(simulated, timed);
            } catch (DeviceException e) {
                if (choice == GemmChoice.CUBLASLT) {
                    throw e;
                }
                cublas = null;
            }
        }
        bf16 = choice == GemmChoice.OWN || cublas == null || (choice == GemmChoice.AUTO && simulated) ? own : cublas;
        f32 = choice == GemmChoice.CUBLASLT ? cublas : own;
    }

    private void cublas(boolean simulated, boolean timed) {
        if (cublas == null) {
            Libraries.loadCublasLt(simulated);
            cublas = new CublasLtGemm(this, own);
        }
        cublas.timed(timed);
    }

    /** Products that cuBLASLt has computed so far, those in a graph once. */
    public final long cublasLtCalls() {
        return cublas == null ? 0 : cublas.calls();
    }

    private Gemm gemm(Tensor x) {
        return x.dtype() == DType.BF16 ? bf16 : f32;
    }

    @Override
    public void linearForward(Tensor y, Tensor x, Tensor weight, Tensor bias) {
        gemm(x).forward(y, x, weight, bias);
    }

    @Override
    public void linearGeluForward(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias) {
        gemm(x).gelu(y, pre, x, weight, bias);
    }

    @Override
    public void linearResidualForward(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor residual, Tensor scale) {
        gemm(x).residual(y, x, weight, bias, residual, scale);
    }

    @Override
    public void linearBackwardInput(Tensor dx, Tensor dy, Tensor weight) {
        gemm(dy).backwardInput(dx, dy, weight);
    }

    @Override
    public void linearBackwardWeight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x) {
        gemm(x).backwardWeight(dweight, dbias, dy, x);
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
