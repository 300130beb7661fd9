package sdae.train;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import sdae.tensor.Backend;
import sdae.tensor.Shape;
import sdae.tensor.Tensor;
import sdae.tensor.cuda.CudaBackend;

/**
 * A backend that counts, kernel by kernel, calls, seconds, FLOPs of matrix products and the least bytes that a call moves:
 * all its tensors, as if nothing were in a cache.
 */
public final class Profiler {
    /** What one kernel has cost. */
    public static final class Part {
        long calls;
        double seconds;
        double flops;
        double bytes;

        public long calls() {
            return calls;
        }

        public double seconds() {
            return seconds;
        }

        public double gflop() {
            return flops * 1e-9;
        }

        public double bytes() {
            return bytes;
        }
    }

    /** Arguments that a kernel reads and writes, by position. */
    private static final Map<String, List<Integer>> CHANGED = Map.of(
            "adamw", List.of(0, 2, 3, 4, 5), // param, m, v, grad, teacher
            "ema", List.of(0),
            "add", List.of(0),
            "scale", List.of(0),
            "linearBackwardWeight", List.of(0, 1));

    private final Map<String, Part> parts = new TreeMap<>();
    private final Backend backend;
    private final CudaBackend clock;
    private boolean on;

    /** Measures the host's time. */
    public Profiler(Backend measured) {
        this(measured, false);
    }

    /** {@code deviceTime}: of every kernel of a CUDA device the device's own time, for which it is waited; no graphs then. */
    public Profiler(Backend measured, boolean deviceTime) {
        clock = deviceTime && measured instanceof CudaBackend cuda ? cuda : null;
        backend = (Backend) Proxy.newProxyInstance(
                Profiler.class.getClassLoader(),
                new Class<?>[] {Backend.class},
                (proxy, method, arguments) -> measure(measured, method, arguments));
    }

    /** The backend to use in place of the measured one. */
    public Backend backend() {
        return backend;
    }

    public Map<String, Part> parts() {
        return parts;
    }

    /** The parts as a table with a header. */
    String csv() {
        StringBuilder text = new StringBuilder("part,calls,seconds,gflop,bytes\n");
        parts.forEach((name, part) -> text.append(String.format(
                Locale.ROOT,
                "%s,%d,%.6f,%.3f,%.0f%n",
                name,
                part.calls(),
                part.seconds(),
                part.gflop(),
                part.bytes())));
        return text.toString();
    }

    /** FLOPs of all matrix products so far. */
    public double flops() {
        return parts.values().stream().mapToDouble(p -> p.flops).sum();
    }

    /** Whether calls are counted from now on. */
    public void count(boolean on) {
        this.on = on;
    }

    private Object measure(Backend measured, Method method, Object[] arguments) throws Throwable {
        boolean kernel = on && arguments != null && arguments.length > 0 && arguments[0] instanceof Tensor;
        if (!kernel) {
            return invoke(measured, method, arguments);
        }
        Object[] result = new Object[1];
        double seconds;
        if (clock == null) {
            long start = System.nanoTime();
            result[0] = invoke(measured, method, arguments);
            seconds = (System.nanoTime() - start) * 1e-9;
        } else {
            seconds = clock.seconds(() -> result[0] = invoke(measured, method, arguments));
        }
        Part part = parts.computeIfAbsent(method.getName(), name -> new Part());
        part.calls++;
        part.seconds += seconds;
        part.flops += flops(method.getName(), arguments);
        part.bytes += bytes(method.getName(), arguments);
        return result[0];
    }

    private static Object invoke(Backend measured, Method method, Object[] arguments) {
        try {
            return method.invoke(measured, arguments);
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        } catch (IllegalAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Every tensor once, those that are changed in place twice: read and written. */
    private static double bytes(String kernel, Object[] arguments) {
        List<Integer> changed = CHANGED.getOrDefault(kernel, List.of());
        double bytes = 0;
        for (int i = 0; i < arguments.length; i++) {
            if (arguments[i] instanceof Tensor t) {
                bytes += (changed.contains(i) ? 2.0 : 1.0)
                        * t.count()
                        * t.dtype().bytes();
            }
        }
        return bytes;
    }

    private static double flops(String kernel, Object[] a) {
        return switch (kernel) {
            case "linearForward" -> product((Tensor) a[0], (Tensor) a[1]);
            case "linearGeluForward" -> product((Tensor) a[0], (Tensor) a[2]);
            case "linearResidualForward" -> product((Tensor) a[0], (Tensor) a[1]);
            case "linearBackwardInput" -> product((Tensor) a[1], (Tensor) a[0]);
            case "linearBackwardWeight" -> product((Tensor) a[2], (Tensor) a[3]);
            case "attentionForward" -> 4 * attention((Tensor) a[2]);
            case "attentionBackward" -> 10 * attention((Tensor) a[2]);
            default -> 0;
        };
    }

    /** 2 * rows * out * in. */
    private static double product(Tensor y, Tensor x) {
        return 2.0 * y.shape().rows() * y.shape().last() * x.shape().last();
    }

    /** B * H * N^2 * Dh of qkv [B, N, 3, H, Dh]. */
    private static double attention(Tensor qkv) {
        Shape s = qkv.shape();
        return (double) s.size(0) * s.size(3) * s.size(1) * s.size(1) * s.size(4);
    }
}
