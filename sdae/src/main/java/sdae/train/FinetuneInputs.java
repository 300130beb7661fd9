package sdae.train;

import sdae.config.Config;
import sdae.data.Batch;
import sdae.data.MixDraw;
import sdae.data.Mixing;
import sdae.model.DropPath;
import sdae.model.ModelSpec;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/** What a fine-tuning step reads of its batch, mixed and smoothed, at one place on the device. */
final class FinetuneInputs implements AutoCloseable {
    private final ModelSpec spec;
    private final MixDraw.Policy policy;
    private final double smoothing;
    private final long seed;
    private final int batch;
    private final int classes;
    private final double dropPath;
    private final Tensor images;
    private final Tensor targets;
    /** [depth, 2, batch]; null without drop path. */
    private final Tensor uniform;

    FinetuneInputs(Backend backend, Config config, int classes) {
        this.classes = classes;
        spec = config.model();
        policy = new MixDraw.Policy(
                config.number("finetune.mixup"),
                config.number("finetune.cutmix"),
                config.number("finetune.mix_prob"),
                config.number("finetune.switch_prob"));
        smoothing = config.number("finetune.smoothing");
        seed = config.longInteger("seed");
        batch = config.integer("train.batch");
        dropPath = config.number("student.drop_path");
        images = Tensor.persistent(backend, DType.F32, batch, spec.channels(), spec.imageHeight(), spec.imageWidth());
        targets = Tensor.persistent(backend, DType.F32, batch, classes);
        uniform = dropPath > 0 ? Tensor.persistent(backend, DType.F32, spec.depth() * 2 * batch) : null;
    }

    void set(Batch from) {
        Philox random = new Philox(seed, Philox.Purpose.MIX, from.epoch(), from.step());
        MixDraw draw = MixDraw.of(policy, spec.imageHeight(), spec.imageWidth(), random);
        draw.apply(from.images(), batch, spec.imageHeight(), spec.imageWidth());
        images.set(from.images(), 0);
        targets.set(Mixing.targets(from.labels(), classes, smoothing, draw.lambda()));
        if (uniform != null) {
            float[] flat = new float[uniform.count()];
            float[][][] drawn = DropPath.uniform(spec.depth(), seed, from.epoch(), from.ids());
            for (int i = 0; i < 2 * spec.depth(); i++) {
                System.arraycopy(drawn[i / 2][i % 2], 0, flat, i * batch, batch);
            }
            uniform.set(flat);
        }
    }

    Tensor images(Tape tape) {
        return tape.input(images);
    }

    Tensor targets(Tape tape) {
        return tape.input(targets);
    }

    DropPath dropPath(Tape tape) {
        return uniform == null
                ? DropPath.NONE
                : DropPath.of(
                        tape,
                        spec.depth(),
                        dropPath,
                        (block, branch) -> uniform.slice((2 * block + branch) * batch, batch));
    }

    @Override
    public void close() {
        images.close();
        targets.close();
        if (uniform != null) {
            uniform.close();
        }
    }
}
