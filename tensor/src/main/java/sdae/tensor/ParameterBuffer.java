package sdae.tensor;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * All parameters of a model in flat memory, segment after segment: one range of values, and one of gradients for the
 * segments that are trained. Zeroing is one call, an optimizer launch is one a segment, and two buffers that start with the
 * same segments (student and teacher) line up value by value. For a BF16 model a second range holds all values rounded, at
 * the same places; the optimizer keeps it fresh.
 */
public final class ParameterBuffer implements AutoCloseable {
    /** Parameters that are treated alike, e.g. {@code encoder.decay}; fixed ones ({@code trainable} false) have no gradient. */
    public record Segment(String name, boolean trainable, List<Parameter> parameters) {
        public Segment {
            parameters = List.copyOf(parameters);
        }
    }

    /** Where a segment lies: {@code start} in the values, {@code gradStart} in the gradients (-1: none), {@code count} values. */
    public record Range(Segment segment, int start, int gradStart, int count) {}

    /** Every parameter starts on a 64-byte boundary; the gap values stay zero. */
    private static final int ALIGNMENT = 16;

    private final Backend backend;
    private final List<Range> ranges = new ArrayList<>();
    private final Map<String, Parameter> byName = new LinkedHashMap<>();
    private final Tensor values;
    private final Tensor grads;
    private final Tensor low;

    /**
     * @param trained false for a model that is never trained (a teacher): no gradients are allocated
     * @throws IllegalArgumentException when two parameters have one name
     */
    public ParameterBuffer(Backend backend, boolean trained, List<Segment> segments) {
        this(backend, trained, segments, DType.F32);
    }

    /** {@code dtype} BF16 adds the rounded copy: see {@link Parameter#matrix}. */
    public ParameterBuffer(Backend backend, boolean trained, List<Segment> segments, DType dtype) {
        this.backend = backend;
        int start = 0;
        int gradStart = 0;
        for (Segment segment : segments) {
            int count = segment.parameters().stream()
                    .mapToInt(p -> padded(p.shape().count()))
                    .reduce(0, Math::addExact);
            boolean withGrad = trained && segment.trainable();
            ranges.add(new Range(segment, start, withGrad ? gradStart : -1, count));
            start = Math.addExact(start, count);
            gradStart += withGrad ? count : 0;
        }
        values = Tensor.persistent(backend, DType.F32, start);
        grads = Tensor.persistent(backend, DType.F32, gradStart);
        low = dtype == DType.BF16 ? Tensor.persistent(backend, DType.BF16, start) : null;
        ranges.forEach(this::bind);
    }

    private void bind(Range range) {
        int offset = 0;
        for (Parameter p : range.segment().parameters()) {
            if (byName.put(p.name(), p) != null) {
                throw new IllegalArgumentException("parameters: the name " + p.name() + " is used twice");
            }
            int count = p.shape().count();
            int[] sizes = p.shape().sizes();
            Tensor grad = range.gradStart() < 0
                    ? null
                    : grads.slice(range.gradStart() + offset, count).reshape(sizes);
            int start = range.start() + offset;
            Tensor rounded = low == null ? null : low.slice(start, count).reshape(sizes);
            p.bind(values.slice(start, count).reshape(sizes), rounded, grad);
            offset += padded(count);
        }
    }

    private static int padded(int count) {
        return (count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }

    /** The segments and where they lie, in order. */
    public List<Range> ranges() {
        return List.copyOf(ranges);
    }

    /** All parameters by name, in order. */
    public Map<String, Parameter> parameters() {
        return java.util.Collections.unmodifiableMap(byName);
    }

    /** The parameter of that name. */
    public Parameter get(String name) {
        Parameter p = byName.get(name);
        if (p == null) {
            throw new IllegalArgumentException("parameters: there is no " + name);
        }
        return p;
    }

    /** All values, flat, gaps included. */
    public Tensor values() {
        return values;
    }

    /** All gradients, flat, gaps included. */
    public Tensor grads() {
        return grads;
    }

    /** The values of one segment. */
    public Tensor values(Range range) {
        return values.slice(range.start(), range.count());
    }

    /** The gradients of one segment. */
    public Tensor grads(Range range) {
        return grads.slice(range.gradStart(), range.count());
    }

    /** The rounded values of one segment, or null: the model is not BF16. */
    public Tensor low(Range range) {
        return low == null ? null : low.slice(range.start(), range.count());
    }

    /** Brings the rounded copy up to date after values were set from outside. */
    public void round() {
        if (low != null) {
            backend.cast(low, values);
        }
    }

    /** Sets every gradient to zero. */
    public void zeroGrad() {
        backend.fill(grads, 0);
    }

    /** Number of values, gaps left out. */
    public long count() {
        return byName.values().stream().mapToLong(p -> p.shape().count()).sum();
    }

    @Override
    public void close() {
        values.close();
        grads.close();
        if (low != null) {
            low.close();
        }
    }
}
