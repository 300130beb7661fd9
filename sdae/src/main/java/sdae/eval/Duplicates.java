package sdae.eval;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;
import sdae.data.BadImageException;
import sdae.data.ImageSource;
import sdae.io.Printable;

/**
 * Test images whose pixels are those of a training image. Splits are by file name, so no file is on both sides; but the same
 * picture under two names can be, and then a test measures memory.
 *
 * @param count test images that have a twin among the training images
 * @param otherLabel those of them whose twin has another class
 * @param examples a few pairs of names
 */
public record Duplicates(int count, int otherLabel, int tested, List<String> examples) {
    private static final int EXAMPLES = 3;
    private static final long UNREAD = 0;
    private static final int BATCH = 256;

    /** Compares what was looked at of two sources. */
    public static Duplicates between(ImageSource train, Features trained, ImageSource test, Features tested) {
        return between(train, trained.ids(), trained.contents(), test, tested.ids(), tested.contents());
    }

    /**
     * Reads and compares two whole sources; a broken image has no twin.
     *
     * @param onBatch told before each batch how many images it has; what it throws ends the work
     */
    public static Duplicates between(ImageSource train, ImageSource test, IntConsumer onBatch) {
        int[] trained = train.evenly(Integer.MAX_VALUE);
        int[] tested = test.evenly(Integer.MAX_VALUE);
        return between(train, trained, contents(train, onBatch), test, tested, contents(test, onBatch));
    }

    private static long[] contents(ImageSource source, IntConsumer onBatch) {
        long[] contents = new long[source.size()];
        for (int start = 0; start < contents.length; start += BATCH) {
            int end = Math.min(contents.length, start + BATCH);
            onBatch.accept(end - start);
            IntStream.range(start, end).parallel().forEach(i -> contents[i] = contentOf(source, i));
        }
        return contents;
    }

    private static long contentOf(ImageSource source, int i) {
        try {
            return Features.contentOf(source.read(i));
        } catch (BadImageException e) {
            return UNREAD;
        }
    }

    private static Duplicates between(
            ImageSource train, int[] trained, long[] contents, ImageSource test, int[] tested, long[] asked) {
        Map<Long, Integer> known = new HashMap<>();
        for (int i = 0; i < trained.length; i++) {
            known.putIfAbsent(contents[i], trained[i]);
        }
        int count = 0;
        int otherLabel = 0;
        List<String> examples = new ArrayList<>();
        for (int i = 0; i < tested.length; i++) {
            Integer twin = known.get(asked[i]);
            if (twin == null || asked[i] == UNREAD) {
                continue;
            }
            count++;
            otherLabel += train.label(twin) == test.label(tested[i]) ? 0 : 1;
            if (examples.size() < EXAMPLES) {
                examples.add(Printable.of(test.name(tested[i])) + " = " + Printable.of(train.name(twin)));
            }
        }
        return new Duplicates(count, otherLabel, tested.length, examples);
    }

    /** A line to print; empty when there is none. */
    public String text() {
        return count == 0
                ? ""
                : "warning: " + count + " of " + tested + " test images have the same pixels as a training image ("
                        + otherLabel + " under another class): " + String.join(", ", examples);
    }
}
