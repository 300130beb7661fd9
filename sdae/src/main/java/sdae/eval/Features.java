package sdae.eval;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import sdae.data.CenterFit;
import sdae.data.ImageSource;
import sdae.data.Normalization;
import sdae.data.RawImage;
import sdae.io.Hashes;
import sdae.model.Classifier.Pool;
import sdae.model.Encoder;
import sdae.model.ModelSpec;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.ClassTokenOp;
import sdae.tensor.op.MeanPoolOp;

/**
 * Frozen features of images. A row depends on its image alone, not on the batch it was computed in.
 *
 * @param rows [count, width]
 * @param ids [count] indices in the source
 * @param labels [count] classes, -1 without
 * @param contents [count] 64 bits of the SHA-256 of each decoded image: see {@link Duplicates}
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record Features(float[] rows, int[] ids, int[] labels, long[] contents, int width) {
    private static final int BATCH = 32;

    public int count() {
        return labels.length;
    }

    /** These rows alone, in this order. */
    public Features subset(int[] chosen) {
        float[] some = new float[chosen.length * width];
        int[] someIds = new int[chosen.length];
        int[] someLabels = new int[chosen.length];
        long[] someContents = new long[chosen.length];
        for (int i = 0; i < chosen.length; i++) {
            System.arraycopy(rows, chosen[i] * width, some, i * width, width);
            someIds[i] = ids[chosen[i]];
            someLabels[i] = labels[chosen[i]];
            someContents[i] = contents[chosen[i]];
        }
        return new Features(some, someIds, someLabels, someContents, width);
    }

    /** The mean of the patch tokens of whole, unmasked images. */
    public static Features of(
            Encoder encoder,
            ModelSpec spec,
            Backend backend,
            ImageSource source,
            int limit,
            Normalization norm,
            IntConsumer onBatch) {
        return of(
                (tape, images) -> pooled(encoder, tape, images, Pool.MEAN),
                spec,
                backend,
                source,
                limit,
                norm,
                onBatch);
    }

    /**
     * Of at most {@code limit} images, evenly spaced over the source, seen whole.
     *
     * @param onBatch told before each batch how many images it has; what it throws ends the work
     */
    public static Features of(
            Backbone backbone, Pool pool, ImageSource source, int limit, Normalization norm, IntConsumer onBatch) {
        return of(
                (tape, images) -> backbone.features(tape, images, pool),
                backbone.spec(),
                backbone.backend(),
                source,
                limit,
                norm,
                onBatch);
    }

    private static Features of(
            BiFunction<Tape, Tensor, Tensor> pooled,
            ModelSpec spec,
            Backend backend,
            ImageSource source,
            int limit,
            Normalization norm,
            IntConsumer onBatch) {
        try (Arena arena = new Arena(backend)) {
            return collect(source, limit, spec, norm, spec.width(), onBatch, images -> {
                int count = images.length / (spec.channels() * spec.imageHeight() * spec.imageWidth());
                try (Tape tape = arena.open()) {
                    Tensor batch = tape.of(images, count, spec.channels(), spec.imageHeight(), spec.imageWidth());
                    return pooled.apply(tape, batch).toFloats();
                }
            });
        }
    }

    /** images [B, C, height, width] to [B, D]: the final norm's tokens, pooled; records nothing. */
    static Tensor pooled(Encoder encoder, Tape tape, Tensor images, Pool pool) {
        return tape.scoped(() -> {
            Tensor tokens = encoder.infer(tape, images, null, 1);
            return pool == Pool.MEAN ? MeanPoolOp.apply(tokens) : ClassTokenOp.apply(tokens);
        });
    }

    /** The normalised pixels themselves: what a network must beat. */
    public static Features pixels(
            ModelSpec spec, ImageSource source, int limit, Normalization norm, IntConsumer onBatch) {
        int width = spec.channels() * spec.imageHeight() * spec.imageWidth();
        return collect(source, limit, spec, norm, width, onBatch, images -> images);
    }

    static Features collect(
            ImageSource source,
            int limit,
            ModelSpec spec,
            Normalization norm,
            int width,
            IntConsumer onBatch,
            Function<float[], float[]> extract) {
        int[] ids = source.evenly(limit);
        CenterFit fit = new CenterFit(spec.imageHeight(), spec.imageWidth(), norm);
        float[] rows = new float[Math.multiplyExact(ids.length, width)];
        int[] labels = new int[ids.length];
        long[] contents = new long[ids.length];
        for (int start = 0; start < ids.length; start += BATCH) {
            int first = start;
            int count = Math.min(BATCH, ids.length - start);
            onBatch.accept(count);
            float[] images = new float[count * fit.outputSize()];
            IntStream.range(0, count).parallel().forEach(i -> {
                RawImage image = source.read(ids[first + i]);
                fit.apply(image.withChannels(spec.channels()), images, i * fit.outputSize(), null);
                labels[first + i] = source.label(ids[first + i]);
                contents[first + i] = contentOf(image);
            });
            System.arraycopy(extract.apply(images), 0, rows, start * width, count * width);
        }
        return new Features(rows, ids, labels, contents, width);
    }

    /** The first 64 bits of the SHA-256 of size and pixels. */
    static long contentOf(RawImage image) {
        MessageDigest digest = Hashes.sha256();
        digest.update(ByteBuffer.allocate(12)
                .putInt(image.width())
                .putInt(image.height())
                .putInt(image.channels())
                .flip());
        return ByteBuffer.wrap(digest.digest(image.pixels())).getLong();
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

    /** Indices of the rows of a predicate on the names, in order; those of the rest. */
    int[][] split(java.util.function.IntPredicate chosen) {
        int[] all = IntStream.range(0, count()).toArray();
        return new int[][] {
            Arrays.stream(all).filter(chosen).toArray(),
            Arrays.stream(all).filter(i -> !chosen.test(i)).toArray()
        };
    }
}
