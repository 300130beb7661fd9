package sdae.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import sdae.bench.Kernel.Family;
import sdae.tensor.DType;

/** Which kernel is timed at which shapes. */
public final class Cases {
    private static final List<DType> DTYPES = List.of(DType.F32, DType.BF16);

    private Cases() {}

    /** All cases, F32 and BF16, whether or not a device has them. */
    public static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        for (Kernel kernel : Kernel.values()) {
            for (NamedShape shape : shapes(kernel)) {
                for (DType dtype : kernel.f32Only() ? DTYPES.subList(0, 1) : DTYPES) {
                    cases.add(new Case(kernel, shape, dtype));
                }
            }
        }
        return cases;
    }

    /** One of each kernel, F32 and BF16, small enough for a simulated device. */
    static List<Case> small() {
        List<Case> cases = new ArrayList<>();
        for (Kernel kernel : Kernel.values()) {
            if (kernel != Kernel.LOAD) {
                for (DType dtype : kernel.f32Only() ? DTYPES.subList(0, 1) : DTYPES) {
                    cases.add(new Case(kernel, Shapes.small(kernel.family()), dtype));
                }
            }
        }
        return cases;
    }

    /** What {@code bench --device} goes through: pictures are the host's work. */
    private static List<Case> on(String device) {
        return switch (device) {
            case "cpu" -> all();
            case "cuda-sim" -> small();
            default -> all().stream().filter(c -> c.kernel() != Kernel.LOAD).toList();
        };
    }

    /** Those with every word of the pattern in their name, e.g. {@code attention decoder f32}; capitals do not matter. */
    static List<Case> matching(String pattern, String device) {
        List<String> words = List.of(pattern.strip().toLowerCase(Locale.ROOT).split("\\s+", -1));
        return on(device).stream()
                .filter(c -> words.stream().allMatch(c.name().toLowerCase(Locale.ROOT)::contains))
                .toList();
    }

    /** The case of that kernel, shape and type. */
    public static Case of(String kernel, String shape, String dtype) {
        Kernel wanted = Kernel.valueOf(kernel);
        for (NamedShape s : shapes(wanted)) {
            if (s.name().equals(shape)) {
                return new Case(wanted, s, DType.valueOf(dtype));
            }
        }
        throw new IllegalArgumentException("case: " + kernel + " has no shape " + shape);
    }

    static List<NamedShape> shapes(Kernel kernel) {
        return switch (kernel) {
            case ATTENTION_FORWARD, ATTENTION_BACKWARD -> Shapes.ATTENTION;
            case GEMM_FORWARD -> join(Shapes.QKV, Shapes.PROJ, Shapes.FC1, Shapes.FC2, Shapes.ENDS);
            case GEMM_GELU -> Shapes.FC1;
            case GEMM_RESIDUAL -> join(Shapes.PROJ, Shapes.FC2);
            case GEMM_DGRAD, GEMM_WGRAD -> trained(join(Shapes.QKV, Shapes.PROJ, Shapes.FC1, Shapes.FC2, Shapes.ENDS));
            case LAYER_NORM_FORWARD -> Shapes.NORM;
            case LAYER_NORM_BACKWARD -> trained(Shapes.NORM);
            case GELU_FORWARD -> Shapes.HIDDEN;
            case GELU_BACKWARD -> trained(Shapes.HIDDEN);
            case STEP -> Shapes.STEPS;
            case LOAD -> Shapes.PICTURES;
            default -> kernel.family() == Family.UPDATE ? Shapes.FLAT : Shapes.MASK;
        };
    }

    /** The teacher has no backward. */
    private static List<NamedShape> trained(List<NamedShape> shapes) {
        return shapes.stream().filter(s -> !s.name().contains("TEACHER")).toList();
    }

    @SafeVarargs
    private static List<NamedShape> join(List<NamedShape>... lists) {
        List<NamedShape> all = new ArrayList<>();
        for (List<NamedShape> list : lists) {
            all.addAll(list);
        }
        return all;
    }
}
