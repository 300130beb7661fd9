package sdae.tensor;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * BF16 by F32 kernels: every BF16 tensor of a call gets an F32 twin with its values, the kernel runs on the
 * twins, and they are rounded back. Slow, and the yardstick of what BF16 storage alone costs in precision.
 */
public final class Bf16Composition {
    /** What takes BF16 tensors itself. */
    private static final Set<String> DIRECT = Set.of("cast", "adamw", "ema");

    private Bf16Composition() {}

    public static Backend of(Backend backend) {
        return (Backend) Proxy.newProxyInstance(
                Backend.class.getClassLoader(), new Class<?>[] {Backend.class}, (proxy, method, arguments) -> {
                    Map<Long, Tensor[]> twins = new LinkedHashMap<>();
                    Object[] wide = arguments == null ? null : arguments.clone();
                    for (int i = 0; wide != null && i < wide.length && !DIRECT.contains(method.getName()); i++) {
                        if (wide[i] instanceof Tensor t && t.dtype() == DType.BF16) {
                            wide[i] = twin(backend, twins, t);
                        }
                    }
                    try {
                        return method.invoke(backend, wide);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    } finally {
                        for (Tensor[] pair : twins.values()) {
                            backend.cast(pair[0], pair[1]);
                            pair[1].close();
                        }
                    }
                });
    }

    /** One twin an address: a tensor may be input and output of a call. Inputs keep their bits when rounded back. */
    private static Tensor twin(Backend backend, Map<Long, Tensor[]> twins, Tensor t) {
        Tensor twin = twins.computeIfAbsent(t.address(), address -> {
            Tensor wide = Tensor.persistent(backend, DType.F32, t.shape());
            backend.cast(wide, t);
            return new Tensor[] {t, wide};
        })[1];
        return twin.reshape(t.shape().sizes());
    }
}
