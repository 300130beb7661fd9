package sdae.tensor.check;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.function.Consumer;
import sdae.tensor.Backend;
import sdae.tensor.Tensor;

/** A backend with one wrong kernel. */
public final class SpoiltBackend {
    private SpoiltBackend() {}

    /** As {@code real}, but {@code spoil} gets at the first tensor of every call of {@code kernel} once it is done. */
    public static Backend of(Backend real, String kernel, Consumer<Tensor> spoil) {
        return (Backend) Proxy.newProxyInstance(
                Backend.class.getClassLoader(), new Class<?>[] {Backend.class}, (proxy, method, arguments) -> {
                    try {
                        Object result = method.invoke(real, arguments);
                        if (method.getName().equals(kernel)) {
                            spoil.accept((Tensor) arguments[0]);
                        }
                        return result;
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
    }

    /** Adds {@code error} times the largest value to the last value. */
    public static Consumer<Tensor> offBy(float error) {
        return tensor -> {
            float[] values = tensor.toFloats();
            float largest = 0;
            for (float v : values) {
                largest = Math.max(largest, Math.abs(v));
            }
            values[values.length - 1] += error * largest;
            tensor.set(values);
        };
    }
}
