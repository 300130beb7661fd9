package sdae.tensor;

import java.util.Arrays;
import java.util.stream.Collectors;

/** The sizes of a contiguous row-major tensor, e.g. {@code [256, 50, 768]}; {@code []} is one value. */
public final class Shape {
    private final int[] sizes;

    private Shape(int[] sizes) {
        this.sizes = sizes;
    }

    /**
     * @throws IllegalArgumentException for a negative size or 2^31 values or more
     */
    public static Shape of(int... sizes) {
        long count = 1;
        for (int size : sizes) {
            if (size < 0) {
                throw new IllegalArgumentException("shape: sizes must not be negative, but is " + text(sizes));
            }
            count = Math.multiplyExact(count, size);
            if (count > Integer.MAX_VALUE) {
                throw new IllegalArgumentException("shape: " + text(sizes) + " has 2^31 values or more");
            }
        }
        return new Shape(sizes.clone());
    }

    public int rank() {
        return sizes.length;
    }

    /** Size i; negative i counts from the end. */
    public int size(int i) {
        return sizes[i < 0 ? sizes.length + i : i];
    }

    /** The last size; 1 for {@code []}. */
    public int last() {
        return sizes.length == 0 ? 1 : sizes[sizes.length - 1];
    }

    /** Product of all sizes but the last. */
    public int rows() {
        int rows = 1;
        for (int i = 0; i < sizes.length - 1; i++) {
            rows *= sizes[i];
        }
        return rows;
    }

    /** Number of values. */
    public int count() {
        int count = 1;
        for (int size : sizes) {
            count *= size;
        }
        return count;
    }

    public int[] sizes() {
        return sizes.clone();
    }

    /** This shape with another last size. */
    public Shape withLast(int last) {
        int[] changed = sizes.clone();
        changed[changed.length - 1] = last;
        return of(changed);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Shape shape && Arrays.equals(sizes, shape.sizes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(sizes);
    }

    @Override
    public String toString() {
        return text(sizes);
    }

    static String text(int... sizes) {
        return Arrays.stream(sizes).mapToObj(Integer::toString).collect(Collectors.joining(", ", "[", "]"));
    }
}
