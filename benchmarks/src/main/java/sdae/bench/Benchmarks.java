package sdae.bench;

import java.util.Locale;

/** Between kernels and their names in results: {@code sdae.bench.attentionForward}, as JMH would name a method. */
final class Benchmarks {
    private static final String PACKAGE = "sdae.bench.";

    private Benchmarks() {}

    static String method(Kernel kernel) {
        return PACKAGE + name(kernel);
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

    /** ATTENTION_FORWARD: attentionForward. */
    private static String name(Kernel kernel) {
        StringBuilder name = new StringBuilder();
        for (String word : kernel.name().toLowerCase(Locale.ROOT).split("_", -1)) {
            name.append(name.length() == 0 ? word : Character.toUpperCase(word.charAt(0)) + word.substring(1));
        }
        return name.toString();
    }
}
