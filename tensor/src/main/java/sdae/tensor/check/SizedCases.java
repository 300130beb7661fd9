package sdae.tensor.check;

import sdae.tensor.DType;

/** One kernel at sizes of the caller's choice, for benchmarks. Letters as in {@link sdae.tensor.Backend}. */
public final class SizedCases {
    private SizedCases() {}

    /** qkv [B, N, 3, H, Dh]. */
    public static KernelCase attentionForward(DType dtype, int batch, int tokens, int heads, int headSize) {
        return AttentionCases.forward(dtype, new AttentionCases.Size(batch, tokens, heads, headSize));
    }

    public static KernelCase attentionBackward(DType dtype, int batch, int tokens, int heads, int headSize) {
        return AttentionCases.backward(dtype, new AttentionCases.Size(batch, tokens, heads, headSize));
    }

    /** x [rows, in], weight [out, in], bias [out]. */
    public static KernelCase linearForward(DType dtype, int rows, int in, int out) {
        return LinearCases.forward(dtype, new LinearCases.Size(rows, in, out), true);
    }

    /** The pre-activation is saved, as in training. */
    public static KernelCase linearGeluForward(DType dtype, int rows, int in, int out) {
        return LinearCases.gelu(dtype, new LinearCases.Size(rows, in, out), true);
    }

    /** Without drop path. */
    public static KernelCase linearResidualForward(DType dtype, int rows, int in, int out) {
        return LinearCases.residual(dtype, new LinearCases.Size(rows, in, out), 0);
    }

    public static KernelCase linearBackwardInput(DType dtype, int rows, int in, int out) {
        return LinearCases.backwardInput(dtype, new LinearCases.Size(rows, in, out));
    }

    /** With the bias gradient. */
    public static KernelCase linearBackwardWeight(DType dtype, int rows, int in, int out) {
        return LinearCases.backwardWeight(dtype, new LinearCases.Size(rows, in, out), true);
    }

    public static KernelCase layerNormForward(DType dtype, int rows, int cols) {
        return NormCases.forward(dtype, rows, cols);
    }

    public static KernelCase layerNormBackward(DType dtype, int rows, int cols) {
        return NormCases.backward(dtype, rows, cols);
    }

    public static KernelCase geluForward(DType dtype, int count) {
        return ElementCases.geluForward(dtype, count);
    }

    public static KernelCase geluBackward(DType dtype, int count) {
        return ElementCases.geluBackward(dtype, count, false);
    }

    /** Noise [B, L] to ids; always F32. */
    public static KernelCase patchMask(int batch, int patches, int visible, int used) {
        return PatchCases.mask(batch, patches, visible, used, false);
    }

    /** {@code count} of the patches of square images. */
    public static KernelCase patchGather(DType dtype, int batch, int channels, int side, int patch, int count) {
        return PatchCases.gather(dtype, new PatchCases.Image(batch, channels, side, side, patch), count);
    }

    public static KernelCase embedTokensForward(DType dtype, int sequences, int count, int width, int patches) {
        return PatchCases.embedForward(dtype, sequences, count, width, patches, true);
    }

    /** With fixed positions. */
    public static KernelCase embedTokensBackward(DType dtype, int sequences, int count, int width, int patches) {
        return PatchCases.embedBackward(dtype, sequences, count, width, patches, true, false);
    }

    public static KernelCase unshuffleForward(DType dtype, int batch, int patches, int visible, int width) {
        return TokenCases.unshuffleForward(dtype, batch, patches, visible, width);
    }

    public static KernelCase unshuffleBackward(DType dtype, int batch, int patches, int visible, int width) {
        return TokenCases.unshuffleBackward(dtype, batch, patches, visible, width);
    }

    public static KernelCase gatherTokensForward(DType dtype, int batch, int patches, int count, int width) {
        return TokenCases.gatherForward(dtype, batch, patches, count, width);
    }

    /** {@code first}: rank of the first token that has a gradient. */
    public static KernelCase gatherTokensBackward(
            DType dtype, int batch, int patches, int first, int count, int width) {
        return TokenCases.gatherBackward(dtype, batch, patches, first, count, width);
    }

    /** SdAE's official loss: a cosine per fold and channel, over tokens; the teacher has a class token. */
    public static KernelCase cosineLossForward(DType dtype, int folds, int tokens, int width) {
        return CosineLossCases.forward(dtype, new CosineLossCases.Size(folds, tokens, width, 1, 0, false));
    }

    public static KernelCase cosineLossBackward(DType dtype, int folds, int tokens, int width) {
        return CosineLossCases.backward(dtype, new CosineLossCases.Size(folds, tokens, width, 1, 0, false));
    }

    /** MAE's loss with standardised patches. */
    public static KernelCase pixelLossForward(DType dtype, int batch, int channels, int side, int patch, int count) {
        return LossCases.pixelForward(dtype, new PatchCases.Image(batch, channels, side, side, patch), count, true);
    }

    public static KernelCase pixelLossBackward(DType dtype, int batch, int channels, int side, int patch, int count) {
        return LossCases.pixelBackward(dtype, new PatchCases.Image(batch, channels, side, side, patch), count, true);
    }

    /** {@code whole}: with the BF16 copies and the teacher's update, in the same pass. */
    public static KernelCase adamw(int count, boolean whole) {
        return UpdateCases.adamw(count, whole);
    }

    public static KernelCase ema(int count) {
        return UpdateCases.ema(count, false);
    }
}
