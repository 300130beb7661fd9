package sdae.bench.peers;

import java.util.Map;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The layers of a vision transformer in libtorch, as timm writes them, with what a careful user would do besides: results
 * go into buffers that nobody needs any more where autograd allows it.
 */
final class TorchLayers {
    private static final double EPS = 1e-6;

    private TorchLayers() {}

    /** How softmax(q k' / sqrt(Dh)) v is computed. */
    enum Attention {
        /** {@code scaled_dot_product_attention}. */
        SDPA,
        /** Two batched products and a softmax: faster in bf16, where the fused kernel multiplies with scalar code. */
        UNFUSED
    }

    /** y = x w' + b; weights [out, in] or [out, C, p, p]. */
    record Linear(Tensor weight, TensorOptional bias) {
        static Linear of(Map<String, Tensor> parameters, String name) {
            return new Linear(parameters.get(name + ".weight"), new TensorOptional(parameters.get(name + ".bias")));
        }

        Tensor forward(Tensor x) {
            // A patch embedding's weights are those of a convolution, [D, C, p, p].
            return torch.linear(x, weight.dim() == 2 ? weight : weight.flatten(1, 3), bias);
        }
    }

    record Norm(TensorOptional gamma, TensorOptional beta, long[] width) {
        static Norm of(Map<String, Tensor> parameters, String name) {
            Tensor gamma = parameters.get(name + ".weight");
            return new Norm(new TensorOptional(gamma), new TensorOptional(parameters.get(name + ".bias")), new long[] {
                gamma.size(0)
            });
        }

        Tensor forward(Tensor x) {
            return torch.layer_norm(x, width, gamma, beta, EPS, true);
        }
    }

    /** A pre-norm block: x + proj(attention(norm1(x))), then x + fc2(gelu(fc1(norm2(x)))). */
    record Block(Norm norm1, Linear qkv, Linear proj, Norm norm2, Linear fc1, Linear fc2, int heads, Attention kind) {
        static Block of(Map<String, Tensor> parameters, String name, int heads, Attention kind) {
            return new Block(
                    Norm.of(parameters, name + ".norm1"),
                    Linear.of(parameters, name + ".attn.qkv"),
                    Linear.of(parameters, name + ".attn.proj"),
                    Norm.of(parameters, name + ".norm2"),
                    Linear.of(parameters, name + ".mlp.fc1"),
                    Linear.of(parameters, name + ".mlp.fc2"),
                    heads,
                    kind);
        }

        /** x [B*N, D]: two dimensions all the way, so that a linear layer is one addmm and its result no view. */
        Tensor forward(Tensor x, long batch) {
            Tensor y = Torch.scoped(() ->
                    residual(x, proj.forward(attention(qkv.forward(norm1.forward(x)), batch, heads, kind))));
            return Torch.scoped(() -> residual(y, fc2.forward(gelu(fc1.forward(norm2.forward(y))))));
        }
    }

    /** x + branch. Neither the sum nor a linear layer's gradient needs the branch's value, so it may be written over. */
    private static Tensor residual(Tensor x, Tensor branch) {
        if (branch.scalar_type() != x.scalar_type()) {
            return x.add(branch);
        }
        branch.add_(x);
        return branch;
    }

    private static Tensor gelu(Tensor x) {
        if (GradMode.is_enabled()) {
            return torch.gelu(x);
        }
        torch.gelu_(x);
        return x;
    }

    /** qkv [B*N, 3*D] to [B*N, D]. */
    static Tensor attention(Tensor qkv, long batch, int heads, Attention kind) {
        long rows = qkv.size(0);
        long tokens = rows / batch;
        long size = qkv.size(1) / 3 / heads;
        Tensor split = qkv.view(batch, tokens, 3, heads, size).permute(2, 0, 3, 1, 4);
        Tensor out;
        if (kind == Attention.SDPA) {
            TensorVector parts = split.unbind(0);
            out = sdpa(parts.get(0), parts.get(1), parts.get(2));
        } else {
            // One copy brings q, k and v of every head together; matmul of the views would make three.
            TensorVector parts = split.reshape(3, batch * heads, tokens, size).unbind(0);
            out = unfused(parts.get(0), parts.get(1), parts.get(2)).view(batch, heads, tokens, size);
        }
        return out.transpose(1, 2).reshape(rows, heads * size);
    }

    /** q, k, v [B, H, N, Dh]. */
    static Tensor sdpa(Tensor q, Tensor k, Tensor v) {
        return torch.scaled_dot_product_attention(q, k, v, new TensorOptional(), 0, false, new DoubleOptional(), false);
    }

    /** q, k, v [B*H, N, Dh]. */
    static Tensor unfused(Tensor q, Tensor k, Tensor v) {
        Tensor scaled = q.mul(new Scalar(1 / Math.sqrt((double) q.size(2))));
        Tensor scores = torch.bmm(scaled, k.transpose(1, 2));
        return torch.bmm(torch.softmax(scores, -1), v);
    }
}
