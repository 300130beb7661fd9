package sdae.bench.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * One SdAE training step in libtorch: mask, teacher, student, loss, backward, fused AdamW, EMA by a foreach lerp. bf16 is
 * autocast, as PyTorch's users have it: float weights, moments and residual stream, products in bf16.
 */
final class TorchTrainer implements AutoCloseable {
    /** Learning rate, weight decay and the teacher's momentum of one step. */
    record Rates(double lr, double weightDecay, double momentum) {}

    /** A step's loss and where its time went, in ms. */
    record Times(float loss, double mask, double teacher, double student, double backward, double adamw, double ema) {
        double total() {
            return mask + teacher + student + backward + adamw + ema;
        }
    }

    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.95;
    private static final double EPS = 1e-8;

    private final TorchModel model;
    private final boolean bf16;
    private final List<Group> groups;
    private final Torch.BoxedOp adamw = new Torch.BoxedOp("aten::_fused_adamw_", "");
    private final Torch.BoxedOp lerp = new Torch.BoxedOp("aten::_foreach_lerp_", "Scalar");
    private final Tensor steps = torch.zeros();
    private final IValue teacher;
    private final IValue followed;

    /** Parameters with one weight decay, and their moments. All share one step count. */
    private record Group(
            boolean decays, List<Tensor> parameters, IValue values, IValue m, IValue v, IValue none, IValue steps) {
        static Group of(boolean decays, List<Tensor> parameters, Tensor steps) {
            List<Tensor> m = new ArrayList<>();
            List<Tensor> v = new ArrayList<>();
            List<Tensor> counts = new ArrayList<>();
            for (Tensor p : parameters) {
                m.add(torch.zeros_like(p.detach()));
                v.add(torch.zeros_like(p.detach()));
                counts.add(steps);
            }
            return new Group(
                    decays,
                    parameters,
                    Torch.list(parameters),
                    Torch.list(m),
                    Torch.list(v),
                    Torch.list(List.of()),
                    Torch.list(counts));
        }
    }

    TorchTrainer(TorchModel model, boolean bf16) {
        this.model = model;
        this.bf16 = bf16;
        List<Tensor> decaying = new ArrayList<>();
        List<Tensor> rest = new ArrayList<>();
        model.student().forEach((name, p) -> {
            if (p.requires_grad()) {
                (decays(name, p) ? decaying : rest).add(p);
            }
        });
        groups = List.of(Group.of(true, decaying, steps), Group.of(false, rest, steps));
        List<Tensor> mirrored = new ArrayList<>();
        model.teacher().keySet().forEach(name -> mirrored.add(model.student().get(name)));
        teacher = Torch.list(model.teacher().values());
        followed = Torch.list(mirrored);
    }

    /** As in the released code: not for tensors of one size and biases, but for class and mask token. */
    private static boolean decays(String name, Tensor p) {
        return p.dim() > 1 && !name.endsWith(".bias");
    }

    /** Forward and backward over images [B, C, height, width] with noise [B, L] (null: drawn here): gradients are left in the parameters. */
    float gradients(Tensor images, Tensor noise) {
        return forwardBackward(images, noise).loss;
    }

    /** A whole step. */
    Times step(Tensor images, Tensor noise, Rates rates) {
        Times times = forwardBackward(images, noise);
        double start = now();
        adamw(rates);
        double optimized = now();
        ema(rates.momentum);
        return new Times(
                times.loss,
                times.mask,
                times.teacher,
                times.student,
                times.backward,
                optimized - start,
                now() - optimized);
    }

    private Times forwardBackward(Tensor images, Tensor noise) {
        return Torch.freed(() -> {
            double start = now();
            TorchModel.Mask mask = model.mask(noise == null ? draw(images) : noise);
            Tensor patches = model.patchify(images);
            double masked = now();
            autocast(bf16);
            Tensor target = Torch.withoutGradients(() -> model.target(patches, mask));
            double taught = now();
            Tensor loss = model.loss(target, model.predict(patches, mask));
            autocast(false);
            double predicted = now();
            loss.backward();
            torch.clear_cache();
            float value = loss.item_float();
            return new Times(value, masked - start, taught - masked, predicted - taught, now() - predicted, 0, 0);
        });
    }

    private Tensor draw(Tensor images) {
        return torch.rand(images.size(0), model.spec().patches());
    }

    private static void autocast(boolean on) {
        torch.set_autocast_enabled(torch.DeviceType.CPU, on);
        if (on) {
            torch.set_autocast_dtype(torch.DeviceType.CPU, torch.ScalarType.BFloat16);
        }
    }

    /** The fused optimizer; gradients are dropped afterwards, so that backward need not add to them. */
    void adamw(Rates rates) {
        Torch.freed(() -> Torch.withoutGradients(() -> {
            steps.add_(new Scalar(1));
            groups.forEach(group -> adamw(group, rates));
            return null;
        }));
    }

    private void adamw(Group group, Rates rates) {
        List<Tensor> grads = group.parameters.stream().map(Tensor::mutable_grad).toList();
        IValue no = new IValue(false);
        IValue none = new IValue();
        adamw.call(List.of(
                group.values,
                Torch.list(grads),
                group.m,
                group.v,
                group.none,
                group.steps,
                new IValue(rates.lr),
                new IValue(BETA1),
                new IValue(BETA2),
                new IValue(group.decays ? rates.weightDecay : 0.0),
                new IValue(EPS),
                no,
                no,
                none,
                none));
        grads.forEach(Tensor::reset);
    }

    /** teacher += (1 - momentum) * (student - teacher), position table included. */
    void ema(double momentum) {
        Torch.freed(() -> Torch.withoutGradients(() -> {
            lerp.call(List.of(teacher, followed, new IValue(1 - momentum)));
            return null;
        }));
    }

    /** Gradients by checkpoint key, of the parameters that are trained. */
    Map<String, Tensor> parameters() {
        return model.student();
    }

    private static double now() {
        return System.nanoTime() * 1e-6;
    }

    @Override
    public void close() {
        groups.forEach(group ->
                List.of(group.values, group.m, group.v, group.none, group.steps).forEach(IValue::close));
        teacher.close();
        followed.close();
    }
}
