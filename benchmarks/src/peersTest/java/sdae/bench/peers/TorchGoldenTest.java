package sdae.bench.peers;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import sdae.bench.peers.TorchLayers.Attention;
import sdae.io.SafetensorsReader;
import sdae.model.ModelSpec;

/**
 * The libtorch step computes what the reference vectors say, and so what this project's own step computes: loss, every
 * gradient, AdamW and EMA, with either attention. The folder is {@code -Dsdae.golden}, else the subset that the model's
 * tests bring.
 */
class TorchGoldenTest {
    private static final double LOSS = 2e-6;
    private static final double GRADIENT = 5e-5;
    private static final double STEP = 5e-6;
    private static final double STEP_OUTLIERS = 1e-3;
    private static final double EMA = 1e-6;
    private static final double BF16_LOSS = 1e-2;
    private static final double BF16_COSINE = 0.99;

    private static Path folder() {
        String given = System.getProperty("sdae.golden", "");
        return given.isEmpty() ? Path.of("../sdae/src/test/resources/golden") : Path.of(given);
    }

    @TestFactory
    List<DynamicTest> cases() throws IOException {
        if (!Files.isDirectory(folder())) {
            System.out.println("peers: no reference vectors in " + folder() + " (-Dsdae.golden=DIR); left out");
            Assumptions.abort("no reference vectors");
        }
        List<DynamicTest> tests = new ArrayList<>();
        for (String name : names()) {
            Golden golden = new Golden(name);
            for (String axis : List.of("token", "channel")) {
                for (Attention attention : Attention.values()) {
                    if (golden.has("ref64.steps.loss." + axis)) {
                        String label = name + ", " + axis + " axis, " + attention;
                        tests.add(DynamicTest.dynamicTest(label, () -> steps(golden, axis, attention)));
                    }
                }
                tests.add(DynamicTest.dynamicTest(name + ", " + axis + " axis, bf16", () -> bf16(golden, axis)));
            }
        }
        assertTrue(!tests.isEmpty(), "no reference cases in " + folder());
        return tests;
    }

    private static List<String> names() throws IOException {
        try (Stream<Path> list = Files.list(folder())) {
            return list.map(p -> p.getFileName().toString())
                    .filter(f -> f.endsWith(".forward.safetensors"))
                    .map(f -> f.substring(0, f.indexOf('.')))
                    .sorted()
                    .toList();
        }
    }

    private static void steps(Golden golden, String axis, Attention attention) {
        double[] hyper = golden.doubles("steps.hyper");
        double[] lr = golden.doubles("steps.lr");
        double[] losses = golden.doubles("ref64.steps.loss." + axis);
        TorchModel model = golden.model(axis, attention);
        try (TorchTrainer trainer = new TorchTrainer(model, false)) {
            double moved = 0;
            for (int step = 0; step < lr.length; step++) {
                float loss = trainer.gradients(golden.images(step), golden.noise(step));
                // After the first update, tiny differences of parameters are part of the loss.
                assertEquals(losses[step], loss, step == 0 ? LOSS : 5 * LOSS, "loss of step " + step);
                if (step == 0) {
                    gradients(golden, axis, model);
                }
                trainer.adamw(new TorchTrainer.Rates(lr[step], hyper[3], 0));
                moved += lr[step];
                parameters(golden, "ref64.after" + (step + 1) + "." + axis + ".", model.student(), STEP, 2 * moved);
            }
            trainer.ema(hyper[4]);
            double follow = 1 - hyper[4];
            parameters(
                    golden, "ref64.ema." + axis + ".", model.teacher(), EMA + follow * STEP, EMA + follow * 2 * moved);
        }
    }

    private static void gradients(Golden golden, String axis, TorchModel model) {
        int seen = 0;
        for (Map.Entry<String, Tensor> entry : model.student().entrySet()) {
            if (entry.getValue().requires_grad()) {
                String prefix = "ref64.grad." + axis + ".";
                float[] actual = Torch.floats(entry.getValue().grad());
                float[][] pair = golden.stored(prefix, entry.getKey(), actual);
                double largest = golden.largest(prefix, entry.getKey());
                for (int i = 0; i < pair[0].length; i++) {
                    assertEquals(
                            pair[0][i], pair[1][i], GRADIENT * largest + 1e-9, prefix + entry.getKey() + " at " + i);
                }
                seen++;
            }
        }
        assertEquals(golden.lines("names.decay") + golden.lines("names.no_decay"), seen, "trained parameters");
    }

    /** At most one entry in a thousand is off by more than {@code usual}, none by more than {@code most}. */
    private static void parameters(
            Golden golden, String prefix, Map<String, Tensor> parameters, double usual, double most) {
        long outside = 0;
        long count = 0;
        for (Map.Entry<String, Tensor> entry : parameters.entrySet()) {
            String name = entry.getKey();
            if (!golden.has(prefix + name) && !golden.has(prefix + "sample." + name)) {
                continue; // not stored
            }
            float[] actual = Torch.floats(entry.getValue());
            float[][] pair = golden.stored(prefix, name, actual);
            for (int i = 0; i < pair[0].length; i++) {
                int at = Golden.sampleIndex(i, actual.length, pair[0].length);
                // The true gradient of the key bias is zero; AdamW makes a step of its rounding noise.
                if (name.endsWith("attn.qkv.bias") && at >= actual.length / 3 && at < 2 * actual.length / 3) {
                    continue;
                }
                double error = Math.abs((double) pair[0][i] - pair[1][i]);
                assertTrue(error <= most, prefix + name + " at " + at + ": off by " + error);
                outside += error > usual ? 1 : 0;
                count++;
            }
        }
        assertTrue(outside <= STEP_OUTLIERS * count, prefix + ": " + outside + " of " + count + " off");
    }

    private static void bf16(Golden golden, String axis) {
        TorchModel model = golden.model(axis, Attention.UNFUSED);
        try (TorchTrainer trainer = new TorchTrainer(model, true)) {
            float loss = trainer.gradients(golden.images(), golden.noise());
            assertEquals(golden.doubles("ref64.loss." + axis)[0], loss, BF16_LOSS, "loss");
            String prefix = "ref64.grad." + axis + ".";
            for (String name : List.of("blocks.0.mlp.fc1.weight", "decoder_pred.weight", "patch_embed.proj.weight")) {
                float[] actual = Torch.floats(model.student().get(name).grad());
                float[][] pair = golden.stored(prefix, name, actual);
                double cosine = cosine(pair[0], pair[1]);
                assertTrue(cosine >= BF16_COSINE, prefix + name + ": cosine " + cosine);
            }
        }
    }

    private static double cosine(float[] a, float[] b) {
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = 0; i < a.length; i++) {
            ab += (double) a[i] * b[i];
            aa += (double) a[i] * a[i];
            bb += (double) b[i] * b[i];
        }
        return ab / Math.sqrt(aa * bb);
    }

    /** All files of one case. */
    private static final class Golden {
        private final Map<String, SafetensorsReader> files = new HashMap<>();
        private final int[] sizes;

        Golden(String name) throws IOException {
            try (Stream<Path> list = Files.list(folder())) {
                for (Path path : list.filter(p -> p.getFileName().toString().startsWith(name + "."))
                        .toList()) {
                    SafetensorsReader reader = SafetensorsReader.open(path);
                    reader.names().forEach(tensor -> files.put(tensor, reader));
                }
            }
            sizes = files.get("config").ints("config");
        }

        boolean has(String tensor) {
            return files.containsKey(tensor);
        }

        TorchModel model(String axis, Attention attention) {
            ModelSpec spec = ModelSpec.of(
                    sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5], sizes[6], sizes[7], sizes[8], sizes[9]);
            return new TorchModel(
                    spec,
                    sizes[12],
                    sizes[15],
                    axis.equals("token"),
                    attention,
                    (network, parameter) -> floats(network + "." + parameter.name()));
        }

        Tensor images() {
            return images(floats("images"));
        }

        Tensor images(int step) {
            return images(part("steps.images", step));
        }

        private Tensor images(float[] values) {
            return Torch.of(values, sizes[10], sizes[2], sizes[0], sizes[1]);
        }

        Tensor noise() {
            return Torch.of(floats("noise"), sizes[10], sizes[11]);
        }

        Tensor noise(int step) {
            return Torch.of(part("steps.noise", step), sizes[10], sizes[11]);
        }

        private float[] part(String tensor, int step) {
            float[] all = floats(tensor);
            int each = (int) (all.length / files.get(tensor).shape(tensor)[0]);
            return Arrays.copyOfRange(all, step * each, (step + 1) * each);
        }

        float[] floats(String tensor) {
            try {
                return files.get(tensor).floats(tensor);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        double[] doubles(String tensor) {
            try {
                return files.get(tensor).doubles(tensor);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        int lines(String tensor) {
            try {
                return (int) new String(files.get(tensor).bytes(tensor), java.nio.charset.StandardCharsets.UTF_8)
                        .lines()
                        .count();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /** What the case stores of a tensor, all or a sample, and the actual values beside it. */
        float[][] stored(String prefix, String name, float[] actual) {
            if (has(prefix + name)) {
                return new float[][] {floats(prefix + name), actual};
            }
            float[] expected = floats(prefix + "sample." + name);
            float[] sampled = new float[expected.length];
            for (int i = 0; i < sampled.length; i++) {
                sampled[i] = actual[sampleIndex(i, actual.length, sampled.length)];
            }
            return new float[][] {expected, sampled};
        }

        double largest(String prefix, String name) {
            if (!has(prefix + name)) {
                return doubles(prefix + "moments." + name)[3];
            }
            double largest = 0;
            for (float value : floats(prefix + name)) {
                largest = Math.max(largest, Math.abs(value));
            }
            return largest;
        }

        /** The flat index of sampled entry j of n: the sampling rule of the reference vectors. */
        static int sampleIndex(int j, int n, int count) {
            return n <= count ? j : (int) ((12345 + j * 2654435761L) % n);
        }
    }
}
