package sdae.bench.peers;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import sdae.bench.Case;
import sdae.bench.Work;
import sdae.bench.peers.TorchOps.Kept;
import sdae.bench.peers.TorchWork.Prepared;
import sdae.tensor.DType;

/**
 * Attention of packed qkv [B, N, 3, H, Dh] in libtorch: {@code scaled_dot_product_attention} in F32; in bf16 two batched
 * products and a softmax, because the fused kernel multiplies bf16 in scalar code on processors without MKL's.
 */
final class TorchAttention {
    /** bf16 probabilities and slopes enter products, as in our own bf16 kernel, and sums between them are rounded too. */
    private static final double SLACK_BF16 = 8;

    private TorchAttention() {}

    static Work forward(Case c) {
        return c.dtype() == DType.BF16
                ? new TorchWork(c, SLACK_BF16, List.of("out"), t -> new Unfused(t.get("qkv")).forward(t.get("out")))
                : new TorchWork(c, TorchOps.SLACK, List.of("out"), TorchAttention::sdpa);
    }

    static Work backward(Case c) {
        return c.dtype() == DType.BF16
                ? new TorchWork(
                        c,
                        SLACK_BF16,
                        List.of("dqkv"),
                        t -> new Unfused(t.get("qkv")).backward(t.get("dout"), t.get("dqkv")))
                : new TorchWork(c, TorchOps.SLACK, List.of("dqkv"), TorchAttention::sdpaBackward);
    }

    /** Part 0, 1, 2 (q, k, v) of packed values as [B, H, N, Dh]. */
    private static Tensor part(Tensor qkv, int which) {
        return qkv.select(2, which).transpose(1, 2);
    }

    private static Prepared sdpa(TorchTensors t) {
        Tensor q = part(t.get("qkv"), 0);
        Tensor k = part(t.get("qkv"), 1);
        Tensor v = part(t.get("qkv"), 2);
        return new Kept() {
            @Override
            Map<String, Tensor> compute() {
                // Its memory is [B, N, H, Dh] already.
                return Map.of("out", TorchLayers.sdpa(q, k, v).transpose(1, 2));
            }
        };
    }

    /** The kernel that autograd calls, without autograd around it, and without the copy that packs dq, dk, dv. */
    private static Prepared sdpaBackward(TorchTensors t) {
        Torch.BoxedOp op = new Torch.BoxedOp("aten::_scaled_dot_product_flash_attention_for_cpu_backward", "");
        Tensor qkv = t.get("qkv");
        List<IValue> arguments = List.of(
                new IValue(t.get("dout").transpose(1, 2)),
                new IValue(part(qkv, 0)),
                new IValue(part(qkv, 1)),
                new IValue(part(qkv, 2)),
                new IValue(t.get("out").transpose(1, 2)),
                new IValue(t.get("lse")),
                new IValue(0.0),
                new IValue(false),
                new IValue(),
                new IValue());
        return new Prepared() {
            private IValueVector results;

            @Override
            public void run() {
                close();
                results = op.call(arguments);
                results.retainReference();
            }

            @Override
            public Map<String, Tensor> results() {
                TensorVector parts = new TensorVector(
                        results.get(0).toTensor().transpose(1, 2),
                        results.get(1).toTensor().transpose(1, 2),
                        results.get(2).toTensor().transpose(1, 2));
                return Map.of("dqkv", torch.stack(parts, 2));
            }

            @Override
            public void close() {
                if (results != null) {
                    results.close();
                }
            }
        };
    }

    /** softmax(q k' / sqrt(Dh)) v by batched products over [B*H, N, Dh], into memory that is there. */
    private static final class Unfused {
        private final long heads;
        private final Tensor packed;
        /** [3, B, H, N, Dh]: each of q, k, v dense. */
        private final Tensor split;

        private final Tensor q;
        private final Tensor k;
        private final Tensor v;
        private final Tensor p;
        private final Tensor out;
        private final Scalar scale;

        Unfused(Tensor qkv) {
            long batch = qkv.size(0);
            long tokens = qkv.size(1);
            long size = qkv.size(4);
            heads = qkv.size(3);
            packed = qkv.permute(2, 0, 3, 1, 4);
            split = packed.contiguous();
            Tensor flat = split.view(3, batch * heads, tokens, size);
            q = flat.select(0, 0);
            k = flat.select(0, 1);
            v = flat.select(0, 2);
            p = torch.bmm(q, k.transpose(1, 2));
            out = torch.bmm(p, v);
            scale = new Scalar(1 / Math.sqrt((double) size));
        }

        private void probabilities() {
            split.copy_(packed);
            q.mul_(scale);
            torch.bmm_out(p, q, k.transpose(1, 2));
            torch.softmax_out(p, p, -1);
        }

        Prepared forward(Tensor to) {
            Tensor byHead = out.view(to.size(0), heads, to.size(1), to.size(3)).transpose(1, 2);
            return () -> {
                probabilities();
                torch.bmm_out(out, p, v);
                to.copy_(byHead);
            };
        }

        /** With p and the scaled q as the forward pass leaves them for autograd. */
        Prepared backward(Tensor dout, Tensor dqkv) {
            probabilities();
            Tensor dense = torch.empty_like(out);
            Tensor denseByHead =
                    dense.view(dout.size(0), heads, dout.size(1), dout.size(3)).transpose(1, 2);
            Tensor dsplit = torch.empty_like(split);
            Tensor dflat = dsplit.view(3, out.size(0), out.size(1), out.size(2));
            Tensor dq = dflat.select(0, 0);
            Tensor dk = dflat.select(0, 1);
            Tensor dv = dflat.select(0, 2);
            Tensor dp = torch.empty_like(p);
            Tensor transposed = p.transpose(1, 2);
            Tensor toPacked = dqkv.permute(2, 0, 3, 1, 4);
            Torch.BoxedOp softmaxBackward = new Torch.BoxedOp("aten::_softmax_backward_data", "");
            long bf16 = torch.ScalarType.BFloat16.value;
            return () -> {
                denseByHead.copy_(dout);
                torch.bmm_out(dv, transposed, dense);
                torch.bmm_out(dp, dense, v.transpose(1, 2));
                IValueVector made =
                        softmaxBackward.call(List.of(new IValue(dp), new IValue(p), new IValue(-1L), new IValue(bf16)));
                Tensor ds = made.get(0).toTensor();
                torch.bmm_out(dq, ds, k);
                torch.bmm_out(dk, ds.transpose(1, 2), q);
                dq.mul_(scale);
                toPacked.copy_(dsplit);
            };
        }
    }
}
