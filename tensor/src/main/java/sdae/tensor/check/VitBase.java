package sdae.tensor.check;

/** ViT-B/16 at 224 x 224 as SdAE trains it: the sizes at which kernels are studied. */
final class VitBase {
    static final int PATCH = 16;
    static final int SIDE = 224;
    static final int CHANNELS = 3;
    static final int PATCH_VALUES = CHANNELS * PATCH * PATCH;
    static final int PATCHES = 196;
    static final int VISIBLE = 49;
    static final int MASKED = 147;
    static final int FOLDS = 3;
    /** Tokens of the student and of a fold of the teacher. */
    static final int TOKENS = 1 + VISIBLE;

    static final int WIDTH = 768;
    static final int HEADS = 12;
    static final int MLP = 4 * WIDTH;

    static final int DECODER_TOKENS = 1 + PATCHES;
    static final int DECODER_WIDTH = 512;
    static final int DECODER_HEADS = 16;
    static final int DECODER_MLP = 4 * DECODER_WIDTH;

    private VitBase() {}
}
