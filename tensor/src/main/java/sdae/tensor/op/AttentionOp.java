package sdae.tensor.op;

import sdae.tensor.Checks;
import sdae.tensor.DType;
import sdae.tensor.Gradients;
import sdae.tensor.Op;
import sdae.tensor.Shape;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Scaled dot-product self-attention (Vaswani et al. 2017, arXiv:1706.03762, eq. 1), all heads, from packed projections.
 *
 * <pre>out = softmax(q k^T / sqrt(Dh)) v</pre>
 *
 * qkv: [B, N, 3, H, Dh], N 1..1024, Dh 1..128; out: [B, N, H, Dh]; saved: lse [B, H, N], log of the softmax denominator.
 */
public record AttentionOp(Tensor qkv, Tensor out, Tensor lse) implements Op {
    private static final int MAX_TOKENS = 1024;
    private static final int MAX_HEAD_SIZE = 128;

    public static Tensor apply(Tensor qkv) {
        Shape shape = qkv.shape();
        Checks.that(
                shape.rank() == 5 && shape.size(2) == 3,
                "attention",
                "qkv must be [batch, tokens, 3, heads, head size], but is " + shape);
        Checks.that(
                shape.size(1) >= 1
                        && shape.size(1) <= MAX_TOKENS
                        && shape.size(4) >= 1
                        && shape.size(4) <= MAX_HEAD_SIZE,
                "attention",
                "tokens must be 1.." + MAX_TOKENS + " and the head size 1.." + MAX_HEAD_SIZE + ", but qkv is " + shape);
        int batch = shape.size(0);
        int tokens = shape.size(1);
        int heads = shape.size(3);
        Tape tape = qkv.tape();
        Tensor out = tape.empty(qkv.dtype(), batch, tokens, heads, shape.size(4));
        Tensor lse = tape.empty(DType.F32, batch, heads, tokens);
        tape.backend().attentionForward(out, lse, qkv);
        return tape.record(new AttentionOp(qkv, out, lse), out, qkv.needsGradient());
    }

    /** dout [B, N, H, Dh] -> dv, dp [N, N] per head -> dq, dk -> dqkv [B, N, 3, H, Dh]. */
    @Override
    public void backward(Tensor dout, Gradients gradients) {
        Tensor dqkv = qkv.tape().emptyLike(qkv);
        qkv.tape().backend().attentionBackward(dqkv, dout, qkv, out, lse);
        gradients.add(qkv, dqkv);
    }
}
