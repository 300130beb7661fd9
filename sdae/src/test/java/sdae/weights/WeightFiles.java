package sdae.weights;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.io.TempDir;
import sdae.data.Normalization;
import sdae.io.SafetensorsReader;
import sdae.model.ModelSpec;

/** A small network's weights in files, and their way out and in. */
abstract class WeightFiles {
    static final Normalization PIXELS =
            new Normalization(new float[] {0.1f, 0.4533331f, 0.7f}, new float[] {0.2f, 0.3f, 0.25f});

    @TempDir
    Path folder;

    /** 32x32 RGB in 8x8 patches of 4, like posinterp's table of width 24; an MAE decoder. */
    static ModelSpec spec() {
        return ModelSpec.of(32, 32, 3, 4, 24, 2, 3, 16, 1, 2);
    }

    static Facts facts() {
        return new Facts(3, 2, new Sides(8, 8), PIXELS, Facts.Prediction.NORMALIZED_PIXELS);
    }

    /** Random values for every tensor of a network. */
    static Map<String, Weight> random(Network network) {
        SplittableRandom random = new SplittableRandom(5);
        Map<String, Weight> weights = new TreeMap<>();
        network.parameters().forEach((name, p) -> {
            float[] values = new float[p.shape().count()];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextDouble(-1, 1);
            }
            List<Long> shape =
                    Arrays.stream(p.shape().sizes()).mapToObj(Long::valueOf).toList();
            weights.put(name, Weight.of(name, shape, values));
        });
        return weights;
    }

    Path file(Network network, Consumer<Map<String, Weight>> change) throws IOException {
        Map<String, Weight> weights = random(network);
        change.accept(weights);
        Path file = folder.resolve("ours.safetensors");
        Files.deleteIfExists(file);
        Output.write(file, Output.safetensors(weights.values(), facts(), false));
        return file;
    }

    static Export to(Format format) {
        return new Export(format, false, null, -1, true, true);
    }

    static List<String> export(Export export, Path from, Path out) throws IOException {
        try (StoredWeights source = StoredWeights.open(from, null)) {
            return export.write(source, Facts.NONE, out);
        }
    }

    static List<String> bring(Import how, Path from, Path out) throws IOException {
        try (StoredWeights source = StoredWeights.open(from, null)) {
            return how.write(source, Facts.NONE, out);
        }
    }

    static Map<String, float[]> tensors(Path file) throws IOException {
        Map<String, float[]> tensors = new TreeMap<>();
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            for (String name : reader.names()) {
                tensors.put(name, reader.floats(name));
            }
        }
        return tensors;
    }

    static Path student(Path run) {
        return run.resolve("checkpoints/step-0000000000/student.safetensors");
    }

    static void assertSame(Map<String, float[]> expected, Map<String, float[]> actual) {
        assertEquals(expected.keySet(), actual.keySet());
        expected.forEach((name, values) -> {
            int[] bits = new int[values.length];
            int[] other = new int[values.length];
            Arrays.setAll(bits, i -> Float.floatToRawIntBits(values[i]));
            Arrays.setAll(other, i -> Float.floatToRawIntBits(actual.get(name)[i]));
            assertArrayEquals(bits, other, name);
        });
    }

    static long told(List<String> lines, String what) {
        return lines.stream().filter(line -> line.contains(what)).count();
    }
}
