package sdae.look;

import java.util.Arrays;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import sdae.data.BadImageException;
import sdae.data.CenterFit;
import sdae.data.ImageSource;
import sdae.data.Normalization;
import sdae.eval.Backbone;
import sdae.model.Classifier.Pool;
import sdae.model.ModelSpec;
import sdae.tensor.Arena;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/**
 * Features of all images of a source in its order, computed as they are read: memory holds one batch. An image's features
 * depend on that image alone, bit for bit, whatever the batch and the number of threads.
 */
public final class FeatureStream implements AutoCloseable {
    private final Backbone backbone;
    private final ImageSource source;
    private final Tokens tokens;
    private final int batch;
    private final Consumer<String> onBad;
    private final CenterFit fit;
    private final Arena arena;
    private float[] ready = new float[0];
    private int taken;
    private int next;
    private int bad;
    private IntConsumer onBatch = images -> {};

    /**
     * @param batch images a forward pass
     * @param onBad told of a broken image, which then gets a row of NaN; null: it is an error
     */
    public FeatureStream(
            Backbone backbone,
            ImageSource source,
            Normalization normalization,
            Tokens tokens,
            int batch,
            Consumer<String> onBad) {
        this.backbone = backbone;
        this.source = source;
        this.tokens = tokens;
        this.batch = batch;
        this.onBad = onBad;
        ModelSpec spec = backbone.spec();
        fit = new CenterFit(spec.imageHeight(), spec.imageWidth(), normalization);
        arena = new Arena(backbone.backend());
    }

    /** The shape of one image's features: [D] or [1 + L, D]. */
    public int[] shape() {
        ModelSpec spec = backbone.spec();
        return tokens == Tokens.TOKENS ? new int[] {1 + spec.patches(), spec.width()} : new int[] {spec.width()};
    }

    /** Values of one image. */
    public int rowSize() {
        return Arrays.stream(shape()).reduce(1, Math::multiplyExact);
    }

    public ImageSource source() {
        return source;
    }

    /** To be told before each batch how many images it has. */
    public void onBatch(IntConsumer listener) {
        onBatch = listener;
    }

    /** Broken images so far. */
    public int bad() {
        return bad;
    }

    /** The next {@code count} values of all features, image after image. */
    public void read(float[] into, int count) {
        for (int done = 0; done < count; ) {
            if (taken == ready.length) {
                ready = compute();
                taken = 0;
            }
            int some = Math.min(count - done, ready.length - taken);
            System.arraycopy(ready, taken, into, done, some);
            taken += some;
            done += some;
        }
    }

    private float[] compute() {
        int first = next;
        int count = Math.min(batch, source.size() - first);
        if (count == 0) {
            throw new IllegalStateException("features: all " + source.size() + " images were read");
        }
        onBatch.accept(count);
        ModelSpec spec = backbone.spec();
        float[] images = new float[Math.multiplyExact(count, fit.outputSize())];
        String[] faults = new String[count];
        IntStream.range(0, count).parallel().forEach(i -> {
            try {
                fit.apply(source.read(first + i).withChannels(spec.channels()), images, i * fit.outputSize(), null);
            } catch (BadImageException e) {
                if (onBad == null) {
                    throw e;
                }
                faults[i] = e.getMessage();
            }
        });
        float[] rows = forward(images, count);
        for (int i = 0; i < count; i++) {
            if (faults[i] != null) {
                Arrays.fill(rows, i * rowSize(), (i + 1) * rowSize(), Float.NaN);
                bad++;
                onBad.accept(faults[i]);
            }
        }
        next += count;
        return rows;
    }

    private float[] forward(float[] images, int count) {
        ModelSpec spec = backbone.spec();
        try (Tape tape = arena.open()) {
            Tensor all = tape.of(images, count, spec.channels(), spec.imageHeight(), spec.imageWidth());
            Tensor found = switch (tokens) {
                case MEAN -> backbone.features(tape, all, Pool.MEAN);
                case CLS -> backbone.features(tape, all, Pool.CLASS_TOKEN);
                case TOKENS -> backbone.encoder().infer(tape, all, null, 1);
            };
            return found.toFloats();
        }
    }

    @Override
    public void close() {
        arena.close();
    }
}
