package sdae.weights;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import sdae.io.SafetensorsReader;
import sdae.io.SafetensorsWriter.FloatSource;

/**
 * A named tensor whose values are read when they are written: renaming, cutting and joining move nothing, so a model of any
 * size passes from file to file in pieces.
 *
 * @param shape sizes, outermost first
 */
record Weight(String name, List<Long> shape, FloatSource source) {
    private static final int MOST = Integer.MAX_VALUE - 8;

    Weight {
        shape = List.copyOf(shape);
    }

    /** A tensor of an open file. */
    static Weight of(SafetensorsReader reader, String name) {
        return new Weight(
                name, reader.entry(name).shape(), (from, into, count) -> reader.floats(name, from, into, 0, count));
    }

    /** A tensor in memory. */
    static Weight of(String name, List<Long> shape, float[] values) {
        return new Weight(name, shape, (from, into, count) -> System.arraycopy(values, (int) from, into, 0, count));
    }

    /** The same values under another name. */
    Weight named(String other) {
        return new Weight(other, shape, source);
    }

    /** Number of values. */
    long count() {
        return shape.stream().reduce(1L, Math::multiplyExact);
    }

    /** All values. */
    float[] values() throws IOException {
        if (count() > MOST) {
            throw new IOException(name + " has " + count() + " values, more than an array holds");
        }
        float[] values = new float[(int) count()];
        source.read(0, values, values.length);
        return values;
    }

    /** {@code rows} entries of the outermost size, from {@code first} on. */
    Weight rows(String other, long first, long rows) {
        List<Long> cut = new ArrayList<>(shape);
        cut.set(0, rows);
        long skip = count() / shape.get(0) * first;
        return new Weight(other, cut, (from, into, count) -> source.read(skip + from, into, count));
    }

    /** Tensors that differ in the outermost size at most, one behind the other. */
    static Weight joined(String name, List<Weight> parts) {
        List<Long> shape = new ArrayList<>(parts.get(0).shape());
        shape.set(0, parts.stream().mapToLong(part -> part.shape().get(0)).sum());
        return new Weight(name, shape, (from, into, count) -> {
            long start = 0;
            int done = 0;
            float[] some = parts.size() == 1 ? into : new float[count];
            for (Weight part : parts) {
                long skip = from + done - start;
                int take = (int) Math.max(0, Math.min(count - done, part.count() - skip));
                if (take > 0) {
                    part.source.read(skip, some, take);
                    System.arraycopy(some, 0, into, done, take);
                    done += take;
                }
                start += part.count();
            }
        });
    }
}
