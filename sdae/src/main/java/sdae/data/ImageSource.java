package sdae.data;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import sdae.io.Printable;

/**
 * A fixed, ordered set of images. Indices are 0 .. size()-1, in the byte order of the names. All methods but close may be
 * called from several threads at once.
 */
public interface ImageSource extends AutoCloseable {
    int size();

    /** The name of image i inside this source, unique, with '/' between folders. */
    String name(int i);

    /** The class of image i as an index into {@link #classes()}, or -1 if the source has no classes. */
    int label(int i);

    /** Class names in the order of the labels; empty without classes. A class may have no image: see {@link #requireLabels}. */
    List<String> classes();

    /**
     * Reads and decodes image i.
     *
     * @throws BadImageException if the file is missing, changed since it was listed, broken, or over a size limit
     */
    RawImage read(int i);

    /** As {@link #read(int)}, but the pixels may be put into {@code memory}: the image lasts until that is used again. */
    default RawImage read(int i, NativeBuffer memory) {
        return read(i);
    }

    /** {@code count:SHA-256} of the sorted names and sizes (of the contents where those lie in memory): tells data sets apart. */
    String fingerprint();

    /** Whether read is a mere copy, so that a cache of decoded images would be a waste. */
    default boolean inMemory() {
        return false;
    }

    @Override
    default void close() {}

    /** The images at the given indices, in that order. The view does not own this source: close this source, not the view. */
    default ImageSource subset(int[] indices) {
        return new SubsetSource(this, indices.clone());
    }

    /** At most {@code limit} indices, evenly spaced over the source. */
    default int[] evenly(int limit) {
        int count = Math.min(size(), limit);
        int[] chosen = new int[count];
        for (int i = 0; i < count; i++) {
            chosen[i] = (int) ((long) i * size() / count);
        }
        return chosen;
    }

    /**
     * Splits by the names: an image is held out if a hash of (name, seed) is below the fraction. So a name is always on the
     * same side, whatever else is added or removed; the held-out share is the fraction only on average.
     *
     * @param fraction in 0..1, exclusive
     * @throws DataException if one side would be empty
     */
    default Holdout holdout(double fraction, long seed) {
        if (!(fraction > 0 && fraction < 1)) {
            throw new IllegalArgumentException("holdout: fraction must be between 0 and 1, but is " + fraction);
        }
        int[] train = new int[size()];
        int[] heldOut = new int[size()];
        int trainCount = 0;
        int heldOutCount = 0;
        for (int i = 0; i < size(); i++) {
            if (draw(i, seed) < fraction) {
                heldOut[heldOutCount++] = i;
            } else {
                train[trainCount++] = i;
            }
        }
        if (trainCount == 0 || heldOutCount == 0) {
            throw new DataException("holdout: " + fraction + " of " + size() + " images leaves " + trainCount
                    + " to train and " + heldOutCount + " held out (take another fraction or more images)");
        }
        return new Holdout(subset(Arrays.copyOf(train, trainCount)), subset(Arrays.copyOf(heldOut, heldOutCount)));
    }

    /** A number in [0, 1) from the hash of (name, seed) of image i: whoever is below a fraction is held out by it. */
    default double draw(int i, long seed) {
        return (hash(name(i), seed) >>> 11) * 0x1p-53;
    }

    /** The two sides of a split: no image is on both. */
    record Holdout(ImageSource train, ImageSource heldOut) {}

    /**
     * Checks that a supervised use makes sense: at least two classes, each with an image.
     *
     * @throws DataException naming the first empty class
     */
    default void requireLabels() {
        int[] counts = new int[classes().size()];
        if (counts.length < 2) {
            throw new DataException(
                    "data: labels are needed, but the images have no classes (put each class in its folder)");
        }
        for (int i = 0; i < size(); i++) {
            counts[label(i)]++;
        }
        for (int c = 0; c < counts.length; c++) {
            if (counts[c] == 0) {
                throw new DataException(
                        "data: class " + Printable.of(classes().get(c)) + " has no images (remove it or fill it)");
            }
        }
    }

    private static long hash(String name, long seed) {
        long h = 0xcbf29ce484222325L ^ (seed * 0x9E3779B97F4A7C15L);
        for (byte b : name.getBytes(StandardCharsets.UTF_8)) {
            h = (h ^ (b & 0xff)) * 0x100000001b3L; // FNV-1a, then the SplitMix64 finaliser spreads its weak high bits
        }
        h = (h ^ (h >>> 30)) * 0xbf58476d1ce4e5b9L;
        h = (h ^ (h >>> 27)) * 0x94d049bb133111ebL;
        return h ^ (h >>> 31);
    }
}
