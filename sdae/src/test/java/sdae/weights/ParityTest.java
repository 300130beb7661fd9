package sdae.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sdae.io.SafetensorsWriter;
import sdae.model.ModelSpec;
import sdae.model.Objective;
import sdae.model.SdaeModel;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.PatchMask;

/** Exported weights give PyTorch our tokens; left out, with a line, where no python3 has it. */
class ParityTest {
    private static final int IMAGES = 3;
    private static final int CLASSES = 5;
    /** A virtual environment's python3 may lack what the system's has. */
    private static final List<String> PYTHONS = List.of("python3", "/usr/bin/python3");

    private static final ModelSpec SPEC = ModelSpec.of(48, 48, 3, 8, 192, 6, 3, 64, 2, 2);

    @TempDir
    Path folder;

    private final SplittableRandom random = new SplittableRandom(11);

    @Test
    void pytorchComputesTheSameTokensFromExportedWeights() throws IOException, InterruptedException {
        String python = null;
        for (String candidate : PYTHONS) {
            if (python == null
                    && run(List.of(candidate, "-c", "import torch, numpy")).isEmpty()) {
                python = candidate;
            }
        }
        if (python == null) {
            System.out.println("parity: no python3 with torch and numpy here; the comparison with PyTorch is left out");
        }
        assumeTrue(python != null);
        Map<String, Weight> weights = weights();
        Facts facts = new Facts(3, 2, new Sides(6, 6), null, Facts.Prediction.NORMALIZED_PIXELS);
        Path ours = folder.resolve("student.safetensors");
        Output.write(ours, Output.safetensors(weights.values(), facts, false));
        try (StoredWeights source = StoredWeights.open(ours, null)) {
            export(source, Format.TIMM, 0, "timm.safetensors");
            export(source, Format.HF_VIT, -1, "hf-vit");
            export(source, Format.HF_VITMAE, 0, "hf-vitmae");
        }
        computeOurs(ours, weights);
        Path script = Path.of("src/test/python/parity.py").toAbsolutePath();
        assertEquals("", run(List.of(python, script.toString(), folder.toString())));
    }

    private void export(StoredWeights source, Format to, int classes, String name) throws IOException {
        new Export(to, false, null, classes, false, true).write(source, Facts.NONE, folder.resolve(name));
    }

    /** A student's initial values with noise on all of them, so that norms and biases matter too. */
    private Map<String, Weight> weights() throws IOException {
        Network network = new Network(SPEC, SPEC.patchValues(), false, CLASSES);
        Map<String, Weight> weights = new TreeMap<>();
        Changes.initialise(weights, network, List.copyOf(network.parameters().keySet()));
        for (Weight weight : List.copyOf(weights.values())) {
            float[] values = weight.values();
            for (int i = 0; i < values.length; i++) {
                values[i] += (float) random.nextDouble(-0.05, 0.05);
            }
            weights.put(weight.name(), Weight.of(weight.name(), weight.shape(), values));
        }
        return weights;
    }

    private void computeOurs(Path file, Map<String, Weight> weights) throws IOException {
        Backend backend = new CpuBackend();
        float[] images = uniform(IMAGES * 3 * SPEC.imageHeight() * SPEC.imageWidth(), -2, 2);
        float[] noise = uniform(IMAGES * SPEC.patches(), 0, 1);
        int visible = SPEC.patches() / 4;
        SafetensorsWriter writer = new SafetensorsWriter();
        try (SdaeModel model = new SdaeModel(backend, SPEC, new Objective.Mae(true), false);
                Arena arena = new Arena(backend);
                Tape tape = arena.open()) {
            WeightsFile.load(
                    file,
                    model.student(),
                    WeightsFile.Rules.STRICT.except(name -> false, name -> name.startsWith("head.")),
                    remark -> {});
            Tensor batch = tape.of(images, IMAGES, 3, SPEC.imageHeight(), SPEC.imageWidth());
            Tensor tokens = model.encoder().infer(tape, batch, null, 1);
            PatchMask mask = PatchMask.of(tape.of(noise, IMAGES, SPEC.patches()), visible, SPEC.patches() - visible);
            Tensor latent = model.encoder().infer(tape, batch, mask.idsKeep(), 1);
            Tensor predictions = model.decoder().forwardAll(latent, mask);
            add(writer, "tokens", tokens);
            add(writer, "predictions", predictions);
            writer.add("scores", new long[] {IMAGES, CLASSES}, scores(tokens.toFloats(), weights));
        }
        writer.add("images", new long[] {IMAGES, 3, SPEC.imageHeight(), SPEC.imageWidth()}, images);
        writer.add("noise", new long[] {IMAGES, SPEC.patches()}, noise);
        writer.add("heads", new long[] {1}, new int[] {SPEC.heads()});
        Output.write(folder.resolve("ours.safetensors"), writer);
    }

    /** The head on the class token, in double. */
    private static float[] scores(float[] tokens, Map<String, Weight> weights) throws IOException {
        float[] matrix = weights.get("head.weight").values();
        float[] bias = weights.get("head.bias").values();
        int width = SPEC.width();
        float[] scores = new float[IMAGES * CLASSES];
        for (int i = 0; i < scores.length; i++) {
            double sum = bias[i % CLASSES];
            for (int d = 0; d < width; d++) {
                sum += (double) matrix[i % CLASSES * width + d]
                        * tokens[i / CLASSES * (1 + SPEC.patches()) * width + d];
            }
            scores[i] = (float) sum;
        }
        return scores;
    }

    private static void add(SafetensorsWriter writer, String name, Tensor tensor) {
        long[] shape =
                java.util.Arrays.stream(tensor.shape().sizes()).asLongStream().toArray();
        writer.add(name, shape, tensor.toFloats());
    }

    private float[] uniform(int count, double low, double high) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextDouble(low, high);
        }
        return values;
    }

    /** Empty if the program ended with 0, else what it said; its lines go to the test's output. */
    private static String run(List<String> command) throws IOException, InterruptedException {
        List<String> said = new ArrayList<>();
        int code;
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            try (var reader = process.inputReader(StandardCharsets.UTF_8)) {
                reader.lines().forEach(said::add);
            }
            code = process.waitFor();
        } catch (IOException e) {
            return "cannot be started: " + e.getMessage();
        }
        if (code == 0) {
            said.forEach(System.out::println);
            return "";
        }
        return "exit " + code + ": " + String.join("\n", said);
    }
}
