package sdae.io;

import java.util.Arrays;
import java.util.List;

/**
 * The safetensors format: header length (u64, little-endian), JSON header, tensor bytes back to back in header offsets.
 *
 * <p>Source: the format section of the safetensors README. Files may come from strangers, so everything is checked
 * before anything is allocated by it.
 */
public final class Safetensors {
    /** Headers above this are refused; a ViT-H checkpoint needs 0.1 MB. */
    public static final long MAX_HEADER = 16L << 20;

    static final int MAX_RANK = 8;
    static final String METADATA = "__metadata__";

    private Safetensors() {}

    /** Element types with a whole number of bytes. */
    public enum Type {
        BOOL(1),
        U8(1),
        I8(1),
        F8_E5M2(1),
        F8_E4M3(1),
        I16(2),
        U16(2),
        F16(2),
        BF16(2),
        I32(4),
        U32(4),
        F32(4),
        F64(8),
        I64(8),
        U64(8);

        private final int bytes;

        Type(int bytes) {
            this.bytes = bytes;
        }

        /** Bytes an element. */
        public int bytes() {
            return bytes;
        }
    }

    /** One tensor: shape outermost first, {@code []} for a scalar; the data's place counts from the end of the header. */
    public record Entry(String name, Type type, List<Long> shape, long begin, long end) {
        /** Number of elements. */
        public long size() {
            return (end - begin) / type.bytes();
        }

        /** The shape as an array. */
        public long[] dims() {
            return shape.stream().mapToLong(Long::longValue).toArray();
        }
    }

    /**
     * Bytes of a tensor.
     *
     * @throws ArithmeticException if the sizes, zeros left out, multiply to more than a long
     */
    static long checkedBytes(Type type, long[] shape) {
        long product = Arrays.stream(shape).filter(n -> n != 0).reduce(type.bytes(), Math::multiplyExact);
        return Arrays.stream(shape).anyMatch(n -> n == 0) ? 0 : product;
    }

    /** Rounds to the nearest BF16, halves to even; too large becomes infinite, NaN stays NaN. */
    static short floatToBf16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) (bits >>> 16 | 0x40);
        }
        return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
    }

    /** Widens IEEE half precision, exactly. */
    static float halfToFloat(short half) {
        int sign = (half & 0x8000) << 16;
        int exponent = half >> 10 & 0x1F;
        int fraction = half & 0x3FF;
        if (exponent == 0) {
            float subnormal = fraction * 0x1p-24f;
            return sign == 0 ? subnormal : -subnormal;
        }
        int wide = exponent == 31 ? 255 : exponent + 112;
        return Float.intBitsToFloat(sign | wide << 23 | fraction << 13);
    }
}
