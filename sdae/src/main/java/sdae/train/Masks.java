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
        int[] key = key(config, purpose, epoch);
        return draw(config, tape, tape.of(ids, ids.length), tape.of(key, key.length));
    }

    /** The same from ids and {@link #key} that are on the device. */
    static PatchMask draw(Config config, Tape tape, Tensor ids, Tensor key) {
        Config.Patches patches = config.patches();
        Tensor noise = tape.empty(DType.F32, ids.count(), patches.all());
        tape.backend().randomUniform(noise, ids, key);
        return PatchMask.of(noise, patches.visible(), patches.used());
    }

    /** What random numbers of this purpose and epoch are drawn with. */
    static int[] key(Config config, Philox.Purpose purpose, int epoch) {
        long seed = config.longInteger("seed");
        return new int[] {(int) seed, (int) (seed >>> 32), epoch, purpose.code};
    }
}
