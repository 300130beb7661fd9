package sdae.train;

import sdae.config.Config;
import sdae.tensor.DType;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.PatchMask;

/** The masks of images: a function of (seed, purpose, epoch, id) alone. */
public final class Masks {
    private Masks() {}

    /** One mask an id, with the config's numbers of visible and used patches. */
    public static PatchMask draw(Config config, Tape tape, Philox.Purpose purpose, int epoch, int[] ids) {
        long seed = config.longInteger("seed");
        int[] key = {(int) seed, (int) (seed >>> 32), epoch, purpose.code};
        Config.Patches patches = config.patches();
        Tensor noise = tape.empty(DType.F32, ids.length, patches.all());
        tape.backend().randomUniform(noise, tape.of(ids, ids.length), tape.of(key, key.length));
        return PatchMask.of(noise, patches.visible(), patches.used());
    }
}
