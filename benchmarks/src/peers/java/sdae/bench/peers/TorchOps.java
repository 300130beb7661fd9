package sdae.bench.peers;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.javacpp.BoolPointer;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import sdae.bench.Case;
import sdae.bench.Work;
import sdae.bench.peers.TorchWork.Prepared;
import sdae.tensor.DType;

/**
 * The libtorch form of each kernel. Wherever an op has a form that writes to given memory, that form is used; views and
 * casts that a model would keep are made beforehand.
 */
final class TorchOps {
    static final double SLACK = 4;
    /** For a gradient that autocast leaves in bf16 and ours in F32: 2^-9 of each value, against some 4e-6 that are allowed. */
    private static final double SLACK_BF16_SUM = 1000;

    static final double EPS = 1e-6;
    private static final long[] ROWS = {0};

    private TorchOps() {}

    /** The case ready to run, or null if this peer has none. */
    static Work open(Case c) {
        boolean bf16 = c.dtype() == DType.BF16;
        return switch (c.kernel()) {
            case ATTENTION_FORWARD -> TorchAttention.forward(c);
            case ATTENTION_BACKWARD -> TorchAttention.backward(c);
            case GEMM_FORWARD -> linear(c, List.of("y"), t -> {});
            case GEMM_GELU -> gelu(c);
            case GEMM_RESIDUAL -> linear(c, List.of("y"), t -> t.get("y").add_(t.get("residual")));
            case GEMM_DGRAD -> simple(c, List.of("dx"), t -> torch.mm_out(t.get("dx"), t.get("dy"), t.get("weight")));
            case GEMM_WGRAD -> bf16 ? wgradBf16(c) : wgrad(c);
            case LAYER_NORM_FORWARD -> norm(c);
            case LAYER_NORM_BACKWARD -> normBackward(c);
            case GELU_FORWARD -> simple(c, List.of("y"), t -> torch.gelu_out(t.get("y"), t.get("x")));
            case GELU_BACKWARD ->
                simple(c, List.of("dx"), t -> torch.gelu_backward_out(t.get("dx"), t.get("dy"), t.get("x")));
            case MASK_ORDER, MASK_GATHER, MASK_FOLDS -> TorchTokens.mask(c);
            case UNSHUFFLE_FORWARD -> TorchTokens.unshuffle(c);
            case EMBED_FORWARD -> TorchTokens.embed(c);
            case COSINE_LOSS_FORWARD -> TorchTokens.loss(c);
            case COSINE_LOSS_BACKWARD -> TorchTokens.lossBackward(c);
            case ADAMW, ADAMW_FUSED -> TorchUpdates.adamw(c);
            case EMA -> TorchUpdates.ema(c);
            case STEP -> new TorchStepWork(c);
            default -> null;
        };
    }

    static Work simple(Case c, List<String> outputs, Consumer<TorchTensors> body) {
        return new TorchWork(c, SLACK, outputs, t -> () -> body.accept(t));
    }

    /** y = x weight^T + bias, then what follows; the bias in the type of the product, as autocast has it. */
    private static Work linear(Case c, List<String> outputs, Consumer<TorchTensors> then) {
        return new TorchWork(c, SLACK, outputs, t -> {
            Tensor bias = t.get("bias").to(t.get("x").scalar_type());
            Tensor transposed = t.get("weight").t();
            return () -> {
                torch.addmm_out(t.get("y"), bias, t.get("x"), transposed);
                then.accept(t);
            };
        });
    }

    private static Work gelu(Case c) {
        return new TorchWork(c, SLACK, List.of("y", "pre"), t -> {
            Tensor bias = t.get("bias").to(t.get("x").scalar_type());
            Tensor transposed = t.get("weight").t();
            return () -> {
                torch.addmm_out(t.get("pre"), bias, t.get("x"), transposed);
                torch.gelu_out(t.get("y"), t.get("pre"));
            };
        });
    }

    /** One product that adds to the gradient (beta = 1), and a sum over the rows. */
    private static Work wgrad(Case c) {
        return new TorchWork(c, SLACK, List.of("dweight", "dbias"), t -> {
            Tensor transposed = t.get("dy").t();
            return () -> {
                t.get("dweight").addmm_(transposed, t.get("x"));
                t.get("dbias").add_(t.get("dy").sum(ROWS));
            };
        });
    }

    /** As autocast does: the product in bf16, then added to the F32 gradient. */
    private static Work wgradBf16(Case c) {
        return new TorchWork(c, SLACK_BF16_SUM, List.of("dweight", "dbias"), t -> {
            Tensor transposed = t.get("dy").t();
            Tensor low = t.get("dweight").to(torch.ScalarType.BFloat16);
            return () -> {
                torch.mm_out(low, transposed, t.get("x"));
                t.get("dweight").add_(low);
                t.get("dbias").add_(t.get("dy").sum(ROWS));
            };
        });
    }

    /** The form with given memory only copies from the other one. */
    private static Work norm(Case c) {
        return new TorchWork(c, SLACK, List.of("y", "mean", "rstd"), t -> {
            long[] width = {t.get("gamma").numel()};
            TensorOptional gamma = new TensorOptional(t.get("gamma"));
            TensorOptional beta = new TensorOptional(t.get("beta"));
            return new Kept() {
                @Override
                Map<String, Tensor> compute() {
                    T_TensorTensorTensor_T out = torch.native_layer_norm(t.get("x"), width, gamma, beta, EPS);
                    return Map.of("y", out.get0(), "mean", out.get1(), "rstd", out.get2());
                }
            };
        });
    }

    private static Work normBackward(Case c) {
        return new TorchWork(c, SLACK, List.of("dx", "dgamma", "dbeta"), t -> {
            Tensor gamma = t.get("gamma");
            long[] width = {gamma.numel()};
            TensorOptional weight = new TensorOptional(gamma);
            TensorOptional bias = new TensorOptional(torch.zeros_like(gamma));
            Tensor mean = t.get("mean").unsqueeze(1);
            Tensor rstd = t.get("rstd").unsqueeze(1);
            BoolPointer all = new BoolPointer(3);
            for (int i = 0; i < 3; i++) {
                all.put(i, true);
            }
            return new Kept() {
                @Override
                Map<String, Tensor> compute() {
                    T_TensorTensorTensor_T out = torch.native_layer_norm_backward(
                            t.get("dy"), t.get("x"), width, mean, rstd, weight, bias, all);
                    t.get("dgamma").add_(out.get1());
                    t.get("dbeta").add_(out.get2());
                    return Map.of("dx", out.get0());
                }
            };
        });
    }

    /**
     * An op that makes its own outputs: those of the last run are kept until the next one of the same copy, so that memory is
     * given back as often as it is asked for.
     */
    abstract static class Kept implements Prepared {
        private Map<String, Tensor> results = Map.of();

        abstract Map<String, Tensor> compute();

        @Override
        public final void run() {
            close();
            Map<String, Tensor> fresh = compute();
            // What a tuple or vector hands out lives in it: handles of their own outlive it.
            Map<String, Tensor> own = new HashMap<>();
            fresh.forEach((name, tensor) -> {
                Tensor handle = new Tensor(tensor);
                handle.retainReference();
                own.put(name, handle);
            });
            results = own;
        }

        @Override
        public final Map<String, Tensor> results() {
            return results;
        }

        @Override
        public final void close() {
            results.values().forEach(Tensor::close);
            results = Map.of();
        }
    }
}
