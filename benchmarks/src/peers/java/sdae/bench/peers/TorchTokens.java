package sdae.bench.peers;

import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch;
import sdae.bench.Case;
import sdae.bench.Kernel;
import sdae.bench.Work;
import sdae.bench.peers.TorchOps.Kept;
import sdae.bench.peers.TorchWork.Prepared;

/** Masking, positions and the loss in libtorch: what moves tokens and compares them. */
final class TorchTokens {
    private TorchTokens() {}

    static Work mask(Case c) {
        return c.kernel() == Kernel.MASK_ORDER
                ? new TorchWork(c, TorchOps.SLACK, List.of("idsKeep", "idsMasked", "idsRestore"), TorchTokens::order)
                : new TorchWork(c, TorchOps.SLACK, List.of("patches"), t -> gather(t, c.size("p")));
    }

    /** The two argsorts of every MAE; keep and masked are views. */
    private static Prepared order(TorchTensors t) {
        Tensor noise = t.get("noise");
        long visible = t.get("idsKeep").size(1);
        long used = t.get("idsMasked").size(1);
        return new Kept() {
            @Override
            Map<String, Tensor> compute() {
                TorchModel.Mask mask = TorchModel.Mask.of(noise, visible, used);
                return Map.of("idsKeep", mask.keep(), "idsMasked", mask.masked(), "idsRestore", mask.restore());
            }
        };
    }

    /** Images to rows of patches, then the rows that are wanted. */
    private static Prepared gather(TorchTensors t, int patch) {
        Tensor images = t.get("images");
        long batch = images.size(0);
        long rows = images.size(2) / patch;
        long cols = images.size(3) / patch;
        Tensor blocks =
                images.view(batch, images.size(1), rows, patch, cols, patch).permute(0, 2, 4, 1, 3, 5);
        Tensor all = torch.zeros_like(blocks.contiguous());
        Tensor flat = all.view(batch * rows * cols, -1);
        Tensor to = t.get("patches").view(-1, flat.size(1));
        // Picked in F32, as images are, and rounded after: the other way round would round all of them.
        boolean rounded = to.scalar_type() != torch.ScalarType.Float;
        Tensor picked = rounded ? to.to(torch.ScalarType.Float) : to;
        Tensor first = TorchModel.firstRows(batch, rows * cols);
        return () -> {
            all.copy_(blocks);
            torch.index_select_out(picked, flat, 0, t.get("ids").add(first).view(-1));
            if (rounded) {
                to.copy_(picked);
            }
        };
    }

    static Work unshuffle(Case c) {
        return new TorchWork(c, TorchOps.SLACK, List.of("y"), t -> {
            Tensor x = t.get("x");
            Tensor maskToken = t.get("maskToken").to(x.scalar_type()).view(1, 1, -1);
            Tensor pos = t.get("pos").to(x.scalar_type());
            return new Kept() {
                @Override
                Map<String, Tensor> compute() {
                    return Map.of("y", TorchModel.unshuffle(x, maskToken, t.get("idsRestore"), pos));
                }
            };
        });
    }

    static Work embed(Case c) {
        return new TorchWork(c, TorchOps.SLACK, List.of("tokens"), t -> {
            Tensor projected = t.get("projected");
            Tensor cls = t.get("cls").to(projected.scalar_type()).view(1, 1, -1);
            Tensor pos = t.get("pos").to(projected.scalar_type());
            return new Kept() {
                @Override
                Map<String, Tensor> compute() {
                    return Map.of("tokens", TorchModel.embed(projected, cls, pos, t.get("ids")));
                }
            };
        });
    }

    static Work loss(Case c) {
        return new TorchWork(c, TorchOps.SLACK, List.of("loss"), t -> {
            Tensor teacher = t.get("teacher").narrow(1, 1, t.get("pred").size(1));
            return new Kept() {
                @Override
                Map<String, Tensor> compute() {
                    Tensor pred = t.get("pred").to(torch.ScalarType.Float);
                    return Map.of("loss", TorchModel.loss(TorchModel.standardised(teacher), pred, 1));
                }
            };
        });
    }

    /** Autograd's backward through a graph that is kept. */
    static Work lossBackward(Case c) {
        return new TorchWork(c, TorchOps.SLACK, List.of("dpred"), t -> {
            Tensor pred = t.get("pred").to(torch.ScalarType.Float).detach().clone();
            Tensor target = TorchModel.standardised(t.get("teacher").narrow(1, 1, pred.size(1)));
            pred.set_requires_grad(true);
            Tensor loss = Torch.withGradients(() -> TorchModel.loss(target, pred, 1));
            Tensor dloss = t.get("dloss").view();
            BoolOptional keep = new BoolOptional(true);
            TensorArrayRefOptional inputs = new TensorArrayRefOptional();
            return new Prepared() {
                @Override
                public void run() {
                    pred.mutable_grad().reset();
                    loss.backward(dloss, keep, false, inputs);
                }

                @Override
                public Map<String, Tensor> results() {
                    return Map.of("dpred", pred.grad());
                }
            };
        });
    }
}
