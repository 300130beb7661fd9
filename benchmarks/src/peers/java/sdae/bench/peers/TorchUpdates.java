package sdae.bench.peers;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import sdae.bench.Case;
import sdae.bench.Kernel;
import sdae.bench.Work;

/** Optimizer and EMA in libtorch: the fused AdamW and a foreach lerp. A step sets gradients to none, which is free. */
final class TorchUpdates {
    private static final int LR = 0;
    private static final int BETA1 = 1;
    private static final int BETA2 = 2;
    private static final int EPS = 3;
    private static final int DECAY = 4;
    private static final int CORRECTION1 = 5;
    private static final int GRAD_SCALE = 7;

    private TorchUpdates() {}

    static Work adamw(Case c) {
        double[] hyper = c.inputs().of("hyper");
        boolean follows = c.kernel() == Kernel.ADAMW_FUSED;
        List<String> outputs = new ArrayList<>(List.of("param", "m", "v"));
        if (follows) {
            outputs.add("teacher");
        }
        double rest = follows ? 1 - c.inputs().scalar("momentum") : 0;
        // The op takes the number of the step and makes the corrections itself: 1 - beta1^steps.
        double steps = Math.rint(Math.log(1 - hyper[CORRECTION1]) / Math.log(hyper[BETA1]));
        Torch.BoxedOp adamw = new Torch.BoxedOp("aten::_fused_adamw_", "");
        Torch.BoxedOp lerp = new Torch.BoxedOp("aten::_foreach_lerp_", "Scalar");
        return new TorchWork(c, TorchOps.SLACK, outputs, t -> {
            // Scaling the gradient is no part of the op: its own grad_scale would write the gradient back.
            t.get("grad").mul_(new Scalar(hyper[GRAD_SCALE]));
            IValue none = new IValue();
            IValue no = new IValue(false);
            List<IValue> arguments = List.of(
                    list(t.get("param")),
                    list(t.get("grad")),
                    list(t.get("m")),
                    list(t.get("v")),
                    Torch.list(List.of()),
                    list(torch.zeros().add(new Scalar(steps))),
                    new IValue(hyper[LR]),
                    new IValue(hyper[BETA1]),
                    new IValue(hyper[BETA2]),
                    new IValue(hyper[DECAY]),
                    new IValue(hyper[EPS]),
                    no,
                    no,
                    none,
                    none);
            if (!follows) {
                return () -> adamw.call(arguments);
            }
            List<IValue> follow = List.of(list(t.get("teacher")), list(t.get("param")), new IValue(rest));
            return () -> {
                adamw.call(arguments);
                lerp.call(follow);
            };
        });
    }

    static Work ema(Case c) {
        double rest = 1 - c.inputs().scalar("momentum");
        Torch.BoxedOp lerp = new Torch.BoxedOp("aten::_foreach_lerp_", "Scalar");
        return new TorchWork(c, TorchOps.SLACK, List.of("teacher"), t -> {
            List<IValue> arguments = List.of(list(t.get("teacher")), list(t.get("student")), new IValue(rest));
            return () -> lerp.call(arguments);
        });
    }

    private static IValue list(Tensor tensor) {
        return Torch.list(List.of(tensor));
    }
}
