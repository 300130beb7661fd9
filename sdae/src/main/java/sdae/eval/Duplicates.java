package sdae.eval;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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

    /** Compares what was looked at of two sources. */
    public static Duplicates between(ImageSource train, Features trained, ImageSource test, Features tested) {
        Map<Long, Integer> known = new HashMap<>();
        for (int i = 0; i < trained.count(); i++) {
            known.putIfAbsent(trained.contents()[i], i);
        }
        int count = 0;
        int otherLabel = 0;
        List<String> examples = new ArrayList<>();
        for (int i = 0; i < tested.count(); i++) {
            Integer twin = known.get(tested.contents()[i]);
            if (twin == null) {
                continue;
            }
            count++;
            otherLabel += trained.labels()[twin] == tested.labels()[i] ? 0 : 1;
            if (examples.size() < EXAMPLES) {
                examples.add(Printable.of(test.name(tested.ids()[i])) + " = "
                        + Printable.of(train.name(trained.ids()[twin])));
            }
        }
        return new Duplicates(count, otherLabel, tested.count(), examples);
    }

    /** A line to print; empty when there is none. */
    public String text() {
        return count == 0
                ? ""
                : "warning: " + count + " of " + tested + " test images have the same pixels as a training image ("
                        + otherLabel + " under another class): " + String.join(", ", examples);
    }
}
