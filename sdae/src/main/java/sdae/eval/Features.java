package sdae.eval;

import java.util.function.Function;
import sdae.data.CenterFit;
import sdae.data.ImageSource;
import sdae.data.Normalization;
import sdae.data.RawImage;
import sdae.model.Encoder;
import sdae.model.ModelSpec;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.MeanPoolOp;

/**
 * Frozen features of images: rows [count, width] with a label each (-1 without). A row depends on its image alone, not on
 * the batch it was computed in.
 */
public record Features(float[] rows, int[] labels, int width) {
    private static final int BATCH = 32;

    public int count() {
        return labels.length;
    }

    /** The mean of the patch tokens of whole, unmasked images. */
    public static Features of(
            Encoder encoder, ModelSpec spec, Backend backend, ImageSource source, int limit, Normalization norm) {
        try (Arena arena = new Arena(backend)) {
            return collect(source, limit, spec, norm, spec.width(), images -> {
                int count = images.length / (spec.channels() * spec.imageHeight() * spec.imageWidth());
                try (Tape tape = arena.open()) {
                    Tensor batch = tape.of(images, count, spec.channels(), spec.imageHeight(), spec.imageWidth());
                    return tape.scoped(() -> MeanPoolOp.apply(encoder.infer(tape, batch, null, 1)))
                            .toFloats();
                }
            });
        }
    }

    /** The normalised pixels themselves: what a network must beat. */
    public static Features pixels(ModelSpec spec, ImageSource source, int limit, Normalization norm) {
        int width = spec.channels() * spec.imageHeight() * spec.imageWidth();
        return collect(source, limit, spec, norm, width, images -> images);
    }

    private static Features collect(
            ImageSource source,
            int limit,
            ModelSpec spec,
            Normalization norm,
            int width,
            Function<float[], float[]> extract) {
        int[] chosen = evenly(source.size(), limit);
        CenterFit fit = new CenterFit(spec.imageHeight(), spec.imageWidth(), norm);
        float[] rows = new float[chosen.length * width];
        int[] labels = new int[chosen.length];
        for (int start = 0; start < chosen.length; start += BATCH) {
            int count = Math.min(BATCH, chosen.length - start);
            float[] images = new float[count * fit.outputSize()];
            for (int i = 0; i < count; i++) {
                RawImage image = source.read(chosen[start + i]);
                fit.apply(image.withChannels(spec.channels()), images, i * fit.outputSize(), null);
                labels[start + i] = source.label(chosen[start + i]);
            }
            System.arraycopy(extract.apply(images), 0, rows, start * width, count * width);
        }
        return new Features(rows, labels, width);
    }

    /** At most {@code limit} indices, evenly spaced over the source. */
    public static int[] evenly(int size, int limit) {
        int count = Math.min(size, limit);
        int[] chosen = new int[count];
        for (int i = 0; i < count; i++) {
            chosen[i] = (int) ((long) i * size / count);
        }
        return chosen;
    }

    /** [B, 1+L, D] without the class tokens. */
    public static float[] patchTokens(Tensor tokens) {
        int count = tokens.shape().size(1);
        int width = tokens.shape().last();
        float[] all = tokens.toFloats();
        float[] rest = new float[all.length / count * (count - 1)];
        for (int s = 0; s < tokens.shape().size(0); s++) {
            int from = (s * count + 1) * width;
            System.arraycopy(all, from, rest, s * (count - 1) * width, (count - 1) * width);
        }
        return rest;
    }
}
