package sdae.tensor;

import sdae.kernels.Native;

/** The kernels of a transformer block on the CPU: products, attention, layer norm, GELU, residuals. */
abstract class CpuDense extends CpuDevice {
    @Override
    public void linearForward(Tensor y, Tensor x, Tensor weight, Tensor bias) {
        Native.sk_linear_forward(
                any(y, x),
                any(x, x),
                any(weight, x),
                optional(bias),
                x.shape().rows(),
                x.shape().last(),
                y.shape().last(),
                dtype(x));
    }

    @Override
    public void linearGeluForward(Tensor y, Tensor pre, Tensor x, Tensor weight, Tensor bias) {
        Native.sk_linear_gelu_forward(
                any(y, x),
                pre == null ? 0 : any(pre, x),
                any(x, x),
                any(weight, x),
                f(bias),
                x.shape().rows(),
                x.shape().last(),
                y.shape().last(),
                dtype(x));
    }

    @Override
    public void linearResidualForward(Tensor y, Tensor x, Tensor weight, Tensor bias, Tensor residual, Tensor scale) {
        Native.sk_linear_residual_forward(
                any(y, x),
                any(x, x),
                any(weight, x),
                f(bias),
                any(residual, x),
                optional(scale),
                x.shape().rows(),
                x.shape().last(),
                y.shape().last(),
                scale == null ? 1 : x.shape().rows() / scale.count(),
                dtype(x));
    }

    @Override
    public void linearBackwardInput(Tensor dx, Tensor dy, Tensor weight) {
        Native.sk_linear_backward_input(
                any(dx, dy),
                any(dy, dy),
                any(weight, dy),
                dy.shape().rows(),
                dx.shape().last(),
                dy.shape().last(),
                dtype(dy));
    }

    @Override
    public void linearBackwardWeight(Tensor dweight, Tensor dbias, Tensor dy, Tensor x) {
        Native.sk_linear_backward_weight(
                f(dweight),
                optional(dbias),
                any(dy, dy),
                any(x, dy),
                dy.shape().rows(),
                x.shape().last(),
                dy.shape().last(),
                dtype(dy));
    }

    @Override
    public void attentionForward(Tensor out, Tensor lse, Tensor qkv) {
        Native.sk_attention_forward(
                any(out, qkv),
                f(lse),
                any(qkv, qkv),
                qkv.shape().size(0),
                qkv.shape().size(1),
                qkv.shape().size(3),
                qkv.shape().size(4),
                dtype(qkv));
    }

    @Override
    public void attentionBackward(Tensor dqkv, Tensor dout, Tensor qkv, Tensor out, Tensor lse) {
        Native.sk_attention_backward(
                any(dqkv, qkv),
                any(dout, qkv),
                any(qkv, qkv),
                any(out, qkv),
                f(lse),
                qkv.shape().size(0),
                qkv.shape().size(1),
                qkv.shape().size(3),
                qkv.shape().size(4),
                dtype(qkv));
    }

    @Override
    public void layerNormForward(Tensor y, Tensor mean, Tensor rstd, Tensor x, Tensor gamma, Tensor beta, float eps) {
        Native.sk_layer_norm_forward(
                any(y, x),
                f(mean),
                f(rstd),
                any(x, x),
                f(gamma),
                f(beta),
                x.shape().rows(),
                x.shape().last(),
                eps,
                dtype(x));
    }

    @Override
    public void layerNormBackward(
            Tensor dx, Tensor dgamma, Tensor dbeta, Tensor dy, Tensor x, Tensor gamma, Tensor mean, Tensor rstd) {
        Native.sk_layer_norm_backward(
                any(dx, x),
                f(dgamma),
                f(dbeta),
                any(dy, x),
                any(x, x),
                f(gamma),
                f(mean),
                f(rstd),
                x.shape().rows(),
                x.shape().last(),
                dtype(x));
    }

    @Override
    public void geluForward(Tensor y, Tensor x) {
        Native.sk_gelu_forward(any(y, x), any(x, x), x.count(), dtype(x));
    }

    @Override
    public void geluBackward(Tensor dx, Tensor y, Tensor dy, Tensor x) {
        Native.sk_gelu_backward(any(dx, x), y == null ? 0 : any(y, x), any(dy, x), any(x, x), x.count(), dtype(x));
    }

    @Override
    public void residualForward(Tensor y, Tensor x, Tensor branch, Tensor scale) {
        Native.sk_residual_forward(
                any(y, x),
                any(x, x),
                any(branch, x),
                optional(scale),
                samples(scale),
                x.count() / samples(scale),
                dtype(x));
    }

    @Override
    public void residualBackward(Tensor dbranch, Tensor dy, Tensor scale) {
        Native.sk_residual_backward(
                any(dbranch, dy), any(dy, dy), optional(scale), samples(scale), dy.count() / samples(scale), dtype(dy));
    }

    @Override
    public void dropPathScale(Tensor scale, Tensor uniform, float rate) {
        Native.sk_drop_path_scale(f(scale), f(uniform), scale.count(), rate);
    }
}
