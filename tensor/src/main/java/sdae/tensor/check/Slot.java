package sdae.tensor.check;

import sdae.tensor.DType;
import sdae.tensor.Shape;

/**
 * One tensor of a case.
 *
 * @param fill makes the values that it has before; null for a tensor that is only written
 * @param written whether the kernel writes it; with a fill: whether it adds to it or changes it
 * @param traffic bytes that any implementation must move for it
 */
public record Slot(
        String name, DType dtype, Shape shape, Fill fill, boolean written, Tolerance tolerance, long traffic) {

    static Slot of(String name, DType dtype, Fill fill, boolean written, int... sizes) {
        Shape shape = Shape.of(sizes);
        long bytes = (long) shape.count() * dtype.bytes();
        return new Slot(name, dtype, shape, fill, written, null, fill != null && written ? 2 * bytes : bytes);
    }

    Slot with(Tolerance other) {
        return new Slot(name, dtype, shape, fill, written, other, traffic);
    }

    Slot withTraffic(long bytes) {
        return new Slot(name, dtype, shape, fill, written, tolerance, bytes);
    }

    boolean isInput() {
        return fill != null;
    }
}
