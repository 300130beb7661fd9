package sdae.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.function.Executable;
import sdae.io.SafetensorsReader;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.TestDevices;

/**
 * Reference vectors: all files {@code <case>.*.safetensors} (or {@code <case>.safetensors}) of a folder as one set of
 * tensors. The folder is the system property {@code sdae.golden}, else the subset in the test resources.
 */
final class Golden {
    static final double FORWARD = 2e-5;
    static final double GRADIENT = 5e-5;
    static final double LOSS = 2e-6;
    /** Single ops and optimizers, and tables in F32 (one unit in the last place) and F64. */
    static final double PART = 1e-5;

    static final double TABLE_F32 = 1.2e-7;
    static final double TABLE_F64 = 1e-12;

    private static final int MOMENTS = 4;
    private static final double MOMENT_ROUNDING = 2;

    private final String name;
    private final Map<String, SafetensorsReader> files = new HashMap<>();

    private Golden(String name, List<Path> paths) {
        this.name = name;
        for (Path path : paths) {
            try {
                SafetensorsReader reader = SafetensorsReader.open(path);
                reader.names().forEach(tensor -> files.put(tensor, reader));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    static Path folder() {
        String given = System.getProperty("sdae.golden", "");
        return given.isEmpty() ? ofRepository() : Path.of(given);
    }

    static Path ofRepository() {
        try {
            return Path.of(Golden.class.getResource("/golden").toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Every case that has a forward pass. */
    static Set<String> cases() throws IOException {
        try (Stream<Path> list = Files.list(folder())) {
            Set<String> cases = new TreeSet<>();
            list.map(p -> p.getFileName().toString())
                    .filter(f -> f.endsWith(".forward.safetensors"))
                    .forEach(f -> cases.add(f.substring(0, f.length() - ".forward.safetensors".length())));
            return cases;
        }
    }

    static boolean exists(String name) {
        return Files.exists(folder().resolve(name + ".safetensors"));
    }

    /** The test of a case that is one file, on every instruction set; left out with a line where the folder lacks it. */
    static List<DynamicTest> part(String name, String label, Consumer<Golden> body) {
        if (!exists(name)) {
            System.out.println("golden: " + name + ".safetensors is not in " + folder() + "; left out");
            return List.of();
        }
        return List.of(onEveryIsa(name + " " + label, () -> body.accept(open(name))));
    }

    /** The same body on every instruction set of this CPU. */
    static DynamicTest onEveryIsa(String label, Executable body) {
        return DynamicTest.dynamicTest(
                label,
                () -> TestDevices.forEachIsa(isa -> {
                    try {
                        body.execute();
                    } catch (Throwable e) {
                        throw new AssertionError(label + " on " + isa + ": " + e.getMessage(), e);
                    }
                }));
    }

    static Golden open(String name) {
        try (Stream<Path> list = Files.list(folder())) {
            return new Golden(
                    name,
                    list.filter(p -> p.getFileName().toString().startsWith(name + ".")
                                    && p.toString().endsWith(".safetensors"))
                            .sorted()
                            .toList());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    boolean has(String tensor) {
        return files.containsKey(tensor);
    }

    /** Whether any tensor's name starts so. */
    boolean hasAny(String prefix) {
        return files.keySet().stream().anyMatch(t -> t.startsWith(prefix));
    }

    Set<String> names() {
        return new TreeSet<>(files.keySet());
    }

    float[] floats(String tensor) {
        try {
            return file(tensor).floats(tensor);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    double[] doubles(String tensor) {
        try {
            return file(tensor).doubles(tensor);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    int[] shape(String tensor) {
        return Arrays.stream(file(tensor).shape(tensor))
                .mapToInt(Math::toIntExact)
                .toArray();
    }

    /** What follows {@code prefix} in the names that start so. */
    Set<String> after(String prefix) {
        Set<String> rest = new TreeSet<>();
        files.keySet().stream().filter(t -> t.startsWith(prefix)).forEach(t -> rest.add(t.substring(prefix.length())));
        return rest;
    }

    double value(String tensor) {
        return doubles(tensor)[0];
    }

    int[] ints(String tensor) {
        try {
            return file(tensor).ints(tensor);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    Set<String> lines(String tensor) {
        return new TreeSet<>(list(tensor));
    }

    /** Names in the order of the file. */
    List<String> list(String tensor) {
        try {
            return List.of(new String(file(tensor).bytes(tensor), StandardCharsets.UTF_8).split("\n", -1));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private SafetensorsReader file(String tensor) {
        SafetensorsReader reader = files.get(tensor);
        assertTrue(reader != null, "golden case " + name + " lacks " + tensor);
        return reader;
    }

    /** Sets every parameter from {@code <prefix><name>}. */
    void load(ParameterBuffer parameters, String prefix) {
        parameters.parameters().forEach((key, p) -> p.value().set(floats(prefix + key)));
    }

    /** A whole tensor against {@code key}, difference relative to its largest value. */
    void close(String key, float[] actual, double tolerance) {
        float[] expected = floats(key);
        assertEquals(expected.length, actual.length, name + " " + key);
        compare(key, expected, actual, largest(expected), tolerance);
    }

    /** A tensor of which the case stores all ({@code <prefix><name>}), or a sample and moments. */
    void closeOrSampled(String prefix, Parameter p, float[] actual, double tolerance) {
        if (has(prefix + p.name())) {
            close(prefix + p.name(), actual, tolerance);
            return;
        }
        double[] moments = doubles(prefix + "moments." + p.name());
        assertEquals(MOMENTS, moments.length);
        float[] expected = floats(prefix + "sample." + p.name());
        compare(prefix + p.name(), expected, sample(actual, expected.length), moments[3], tolerance);
        double sum = 0;
        double absolute = 0;
        for (float a : actual) {
            sum += a;
            absolute += Math.abs(a);
        }
        double allowed = tolerance * MOMENT_ROUNDING * moments[1] + 1e-9;
        assertEquals(moments[0], sum, allowed, name + " " + prefix + p.name() + ": sum");
        assertEquals(moments[1], absolute, allowed, name + " " + prefix + p.name() + ": sum of absolute values");
    }

    /** The expected values that the case stores of a tensor, and the actual ones beside them. */
    float[][] stored(String prefix, String tensor, float[] actual) {
        if (has(prefix + tensor)) {
            return new float[][] {floats(prefix + tensor), actual};
        }
        float[] expected = floats(prefix + "sample." + tensor);
        return new float[][] {expected, sample(actual, expected.length)};
    }

    /** The sampling rule of the reference vectors. */
    static float[] sample(float[] values, int count) {
        if (values.length <= count) {
            return values;
        }
        float[] sampled = new float[count];
        for (int j = 0; j < count; j++) {
            sampled[j] = values[(int) ((12345 + j * 2654435761L) % values.length)];
        }
        return sampled;
    }

    /** The flat index of sampled entry j of n. */
    static int sampleIndex(int j, int n, int count) {
        return n <= count ? j : (int) ((12345 + j * 2654435761L) % n);
    }

    private void compare(String key, float[] expected, float[] actual, double largest, double tolerance) {
        for (int i = 0; i < expected.length; i++) {
            double error = Math.abs((double) expected[i] - actual[i]);
            assertTrue(
                    error <= tolerance * largest + 1e-9,
                    name + " " + key + " at " + i + ": expected " + expected[i] + ", got " + actual[i] + " (off by "
                            + error + ", largest " + largest + ")");
        }
    }

    private static double largest(float[] values) {
        double largest = 0;
        for (float v : values) {
            largest = Math.max(largest, Math.abs(v));
        }
        return largest;
    }
}
