package sdae.bench;

import java.util.Locale;

/** Between kernels and the JMH methods that time them: {@code sdae.bench.jmh.AttentionBenchmark.forward}. */
final class Benchmarks {
    private static final String PACKAGE = "sdae.bench.jmh.";

    private Benchmarks() {}

    static String method(Kernel kernel) {
        return PACKAGE + type(kernel.family()) + "." + name(kernel);
    }

    /** The kernel of that method. */
    static Kernel kernel(String method) {
        for (Kernel kernel : Kernel.values()) {
            if (method(kernel).equals(method)) {
                return kernel;
            }
        }
        throw new IllegalArgumentException("bench: no kernel is timed by " + method);
    }

    private static String type(Kernel.Family family) {
        return switch (family) {
            case ATTENTION -> "AttentionBenchmark";
            case GEMM -> "GemmBenchmark";
            case LAYER_NORM -> "LayerNormBenchmark";
            case GELU -> "GeluBenchmark";
            case MASK -> "MaskBenchmark";
            case PATCH_EMBED -> "PatchEmbedBenchmark";
            case LOSS -> "LossBenchmark";
            case UPDATE -> "UpdateBenchmark";
            case STEP -> "TrainStepBenchmark";
            case LOAD -> "LoadBenchmark";
        };
    }

    /** ATTENTION_FORWARD: attentionForward. */
    private static String name(Kernel kernel) {
        StringBuilder name = new StringBuilder();
        for (String word : kernel.name().toLowerCase(Locale.ROOT).split("_", -1)) {
            name.append(name.length() == 0 ? word : Character.toUpperCase(word.charAt(0)) + word.substring(1));
        }
        return name.toString();
    }
}
