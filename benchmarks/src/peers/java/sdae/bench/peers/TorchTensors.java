package sdae.bench.peers;

import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import sdae.bench.Case;
import sdae.tensor.DType;
import sdae.tensor.check.Slot;
import sdae.tensor.check.Values;

/** One copy of a case's tensors: inputs with their values, outputs to be written or replaced. */
final class TorchTensors {
    private final Map<String, Tensor> byName = new LinkedHashMap<>();

    TorchTensors(Case of, Values values) {
        for (Slot slot : of.slots()) {
            byName.put(slot.name(), slot.fill() == null ? empty(slot) : filled(slot, values));
        }
    }

    private static Tensor empty(Slot slot) {
        return torch.zeros(sizes(slot)).to(type(slot.dtype()));
    }

    private static Tensor filled(Slot slot, Values values) {
        if (slot.dtype() == DType.I32) {
            int[] ids = values.ints(slot.name());
            try (LongPointer data = new LongPointer(ids.length)) {
                for (int i = 0; i < ids.length; i++) {
                    data.put(i, ids[i]);
                }
                return torch.from_blob(data, sizes(slot), new TensorOptions(torch.ScalarType.Long))
                        .clone();
            }
        }
        double[] wide = values.of(slot.name());
        float[] floats = new float[wide.length];
        for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) wide[i];
        }
        return Torch.of(floats, sizes(slot)).to(type(slot.dtype()));
    }

    /** Indices are 64 bits wide in libtorch. */
    private static torch.ScalarType type(DType dtype) {
        return switch (dtype) {
            case F32 -> torch.ScalarType.Float;
            case BF16 -> torch.ScalarType.BFloat16;
            case I32 -> torch.ScalarType.Long;
        };
    }

    private static long[] sizes(Slot slot) {
        int[] sizes = slot.shape().sizes();
        long[] wide = new long[sizes.length];
        for (int i = 0; i < wide.length; i++) {
            wide[i] = sizes[i];
        }
        return wide;
    }

    Tensor get(String name) {
        Tensor tensor = byName.get(name);
        if (tensor == null) {
            throw new IllegalArgumentException(
                    "libtorch: the case has no tensor " + name + ", only " + byName.keySet());
        }
        return tensor;
    }

    boolean has(String name) {
        return byName.containsKey(name);
    }

    /** Replaces a value by one in the form that the peer wants it in. */
    void put(String name, Tensor tensor) {
        byName.put(name, tensor);
    }

    void remove(String name) {
        byName.remove(name);
    }

    /** Copies values back into the memory of a tensor that was changed in place. */
    void restore(String name, Tensor from) {
        get(name).copy_(from);
    }
}
