package sdae.bench.peers;

import java.util.Collection;
import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.ListType;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * What the C++ interface of libtorch lacks in Java: tensors from arrays, scopes, and the ops that have no binding (fused
 * optimizer, foreach), called by name through the dispatcher.
 *
 * <p>A Java handle counts as a reference. Without scopes, values that C++ or Python would have freed at once would live to the
 * end of the step, and the peer's peak memory would be our doing.
 */
@SuppressWarnings("try") // scopes and guards work by being closed
final class Torch {
    private Torch() {}

    /** A float tensor with a copy of the values. */
    static Tensor of(float[] values, long... sizes) {
        try (FloatPointer data = new FloatPointer(values)) {
            return torch.from_blob(data, sizes).clone();
        }
    }

    /** The values of a float tensor, row-major. */
    static float[] floats(Tensor tensor) {
        return freed(() -> {
            Tensor dense = tensor.detach().to(torch.ScalarType.Float).contiguous();
            float[] values = new float[Math.toIntExact(dense.numel())];
            dense.data_ptr_float().get(values);
            return values;
        });
    }

    /** Runs the body and gives up every handle that it made; the result must hold none. */
    static <T> T freed(Supplier<T> body) {
        try (PointerScope scope = new PointerScope()) {
            return body.get();
        }
    }

    /** Runs the body and gives up every handle but the result's, which belongs to the scope around, else to the caller. */
    static <P extends Pointer> P scoped(Supplier<P> body) {
        PointerScope outer = PointerScope.getInnerScope();
        try (PointerScope inner = new PointerScope()) {
            P result = body.get();
            if (outer == null) {
                result.retainReference();
            } else {
                outer.attach(result);
            }
            return result;
        }
    }

    /** Runs the body without recording it for backward. */
    static <T> T withoutGradients(Supplier<T> body) {
        try (NoGradGuard guard = new NoGradGuard()) {
            return body.get();
        }
    }

    /** Runs the body recording it for backward, inside {@link #withoutGradients}. */
    static <T> T withGradients(Supplier<T> body) {
        try (AutoGradMode mode = new AutoGradMode(true)) {
            return body.get();
        }
    }

    /** A {@code Tensor[]} argument. */
    static IValue list(Collection<Tensor> tensors) {
        return scoped(() -> {
            GenericList list = new GenericList(ListType.ofTensors().getElementType());
            tensors.forEach(tensor -> list.push_back(new IValue(tensor)));
            return new IValue(list);
        });
    }

    /** An op found by name, for those without a binding. */
    static final class BoxedOp {
        private final OperatorHandle handle;

        BoxedOp(String name, String overload) {
            handle = Dispatcher.singleton().findSchemaOrThrow(name, overload);
        }

        /** Calls it with every argument of the schema in order; the results belong to the scope around. */
        IValueVector call(List<IValue> arguments) {
            return scoped(() -> {
                IValueVector stack = new IValueVector(arguments.toArray(IValue[]::new));
                handle.callBoxed(stack);
                return stack;
            });
        }
    }
}
