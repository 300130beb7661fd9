package sdae.train;

import sdae.config.Config;
import sdae.data.Batch;
import sdae.model.DropPath;
import sdae.model.ModelSpec;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.PatchMask;

/** What a step reads of its batch, at one place on the device: so the same launches serve every batch. */
final class StepInputs implements AutoCloseable {
    private static final int KEY = 4;

    private final Config config;
    private final int batch;
    private final int depth;
    private final double dropPath;
    private final Tensor images;
    private final Tensor ids;
    private final Tensor key;
    /** [depth, 2, batch]; null without drop path. */
    private final Tensor uniform;

    StepInputs(Backend backend, Config config) {
        this.config = config;
        ModelSpec spec = config.model();
        batch = config.integer("train.batch");
        depth = spec.depth();
        dropPath = config.number("student.drop_path");
        images = Tensor.persistent(backend, DType.F32, batch, spec.channels(), spec.imageHeight(), spec.imageWidth());
        ids = Tensor.persistent(backend, DType.I32, batch);
        key = Tensor.persistent(backend, DType.I32, KEY);
        uniform = dropPath > 0 ? Tensor.persistent(backend, DType.F32, depth * 2 * batch) : null;
    }

    void set(Batch from) {
        images.set(from.images(), 0);
        ids.set(from.ids());
        key.set(Masks.key(config, Philox.Purpose.MASK, from.epoch()));
        if (uniform != null) {
            float[] flat = new float[uniform.count()];
            float[][][] drawn = DropPath.uniform(depth, config.longInteger("seed"), from.epoch(), from.ids());
            for (int i = 0; i < 2 * depth; i++) {
                System.arraycopy(drawn[i / 2][i % 2], 0, flat, i * batch, batch);
            }
            uniform.set(flat);
        }
    }

    Tensor images(Tape tape) {
        return tape.input(images);
    }

    PatchMask mask(Tape tape) {
        return Masks.draw(config, tape, ids, key);
    }

    DropPath dropPath(Tape tape) {
        return uniform == null
                ? DropPath.NONE
                : DropPath.of(
                        tape, depth, dropPath, (block, branch) -> uniform.slice((2 * block + branch) * batch, batch));
    }

    @Override
    public void close() {
        images.close();
        ids.close();
        key.close();
        if (uniform != null) {
            uniform.close();
        }
    }
}
