package sdae.study;

import java.nio.file.Path;
import sdae.config.Config;
import sdae.io.Hashes;

/**
 * One arm at one seed, in a folder of its own.
 *
 * @param seed of every random number in it
 * @param network what is trained or, of a baseline, what is looked at: the settings of pretraining
 * @param finetuning settings of the fine-tuning that follows; null: none
 */
record Cell(Kind kind, String arm, long seed, Path folder, Config network, Config finetuning) {
    enum Kind {
        /** A run of pretraining, measured when it is done. */
        PRETRAINED,
        /** Fine-tuning alone. */
        SCRATCH,
        UNTRAINED,
        PIXELS
    }

    static final String FINETUNE = "finetune";

    /** The run folder of its fine-tuning. */
    Path finetuneFolder() {
        return folder.resolve(FINETUNE);
    }

    /** Names what its network or pixels come from. */
    String recipe() {
        return Hashes.ofText(kind + "\n" + (kind == Kind.SCRATCH ? "" : network.hash()));
    }

    String label() {
        return kind == Kind.PIXELS ? arm : arm + ", seed " + seed;
    }
}
