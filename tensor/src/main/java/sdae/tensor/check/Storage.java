package sdae.tensor.check;

import java.util.Arrays;
import sdae.tensor.DType;
import sdae.tensor.Tensor;

/** Between double arrays and tensors. */
final class Storage {
    /** What outputs hold before: not a number, and no id. */
    private static final int NO_ID = 0x7FC0_0001;

    private Storage() {}

    /** Rounds to what the type can hold. */
    static void round(double[] values, DType dtype) {
        for (int i = 0; i < values.length; i++) {
            values[i] = switch (dtype) {
                case F32 -> (float) values[i];
                case BF16 -> bf16((float) values[i]);
                case I32 -> values[i];
            };
        }
    }

    /** To the nearest bf16, ties to even. */
    private static float bf16(float value) {
        int bits = Float.floatToRawIntBits(value);
        return Float.intBitsToFloat((bits + 0x7FFF + (bits >>> 16 & 1)) & 0xFFFF_0000);
    }

    /** {@code values} null: NaN everywhere. */
    static void upload(Tensor tensor, double[] values) {
        if (tensor.dtype() == DType.I32) {
            int[] ints = new int[tensor.count()];
            Arrays.setAll(ints, i -> values == null ? NO_ID : (int) values[i]);
            tensor.set(ints);
            return;
        }
        float[] floats = new float[tensor.count()];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = values == null ? Float.NaN : (float) values[i];
        }
        tensor.set(floats);
    }

    static double[] download(Tensor tensor) {
        double[] values = new double[tensor.count()];
        if (tensor.dtype() == DType.I32) {
            int[] ints = tensor.toInts();
            Arrays.setAll(values, i -> ints[i]);
        } else {
            float[] floats = tensor.toFloats();
            Arrays.setAll(values, i -> floats[i]);
        }
        return values;
    }
}
