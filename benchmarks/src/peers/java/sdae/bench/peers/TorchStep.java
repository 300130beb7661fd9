package sdae.bench.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import sdae.bench.peers.TorchLayers.Attention;
import sdae.model.ModelSpec;

/**
 * The training step of SdAE in libtorch, on its own: {@code TorchStep MODEL BATCH [fp32|bf16] [option=value ...]}. Prints one
 * line of JSON a step and one at the end.
 *
 * <p>It sets nothing but what the options say: thread counts and pools come from the environment, so that "tuned" and "as it
 * comes" are two environments of one program.
 */
public final class TorchStep {
    private static final double VISIBLE = 0.25;
    private static final int FOLDS = 3;
    private static final int POOL = 4;
    private static final TorchTrainer.Rates RATES = new TorchTrainer.Rates(1e-4, 0.04, 0.996);

    private TorchStep() {}

    public static void main(String[] args) throws IOException {
        if (args.length < 2) {
            System.err.println("TorchStep MODEL BATCH [fp32|bf16] [steps=N] [warmup=N] [attention=sdpa|unfused]"
                    + " [axis=token|channel] [threads=N]; MODEL: vit-b, vit-s, vit-ti, cifar");
            System.exit(2);
        }
        Map<String, String> options = new TreeMap<>();
        for (String arg : Arrays.asList(args).subList(2, args.length)) {
            int equals = arg.indexOf('=');
            options.put(equals < 0 ? "dtype" : arg.substring(0, equals), arg.substring(equals + 1));
        }
        boolean bf16 = options.getOrDefault("dtype", "fp32").equals("bf16");
        Attention attention = Attention.valueOf(
                options.getOrDefault("attention", bf16 ? "unfused" : "sdpa").toUpperCase(Locale.ROOT));
        if (options.containsKey("threads")) {
            torch.set_num_threads(Integer.parseInt(options.get("threads")));
        }
        boolean tokenAxis = options.getOrDefault("axis", "token").equals("token");
        int warmup = Integer.parseInt(options.getOrDefault("warmup", "2"));
        int steps = Integer.parseInt(options.getOrDefault("steps", "8"));
        ModelSpec spec = spec(args[0]);
        int batch = Integer.parseInt(args[1]);
        int visible = (int) (spec.patches() * VISIBLE);

        torch.manual_seed(0);
        TorchModel model = new TorchModel(spec, visible, FOLDS, tokenAxis, attention, TorchModel::startingValues);
        List<Tensor> images = new ArrayList<>();
        for (int i = 0; i < POOL; i++) {
            images.add(torch.randn(batch, spec.channels(), spec.imageHeight(), spec.imageWidth()));
        }
        List<Double> ms = new ArrayList<>();
        try (TorchTrainer trainer = new TorchTrainer(model, bf16)) {
            for (int step = 0; step < warmup + steps; step++) {
                TorchTrainer.Times t = trainer.step(images.get(step % POOL), null, RATES);
                if (step >= warmup) {
                    ms.add(t.total());
                }
                System.out.println(line(step, step < warmup, t));
            }
        }
        System.out.println(summary(args[0], batch, bf16, attention, ms));
    }

    /** The models of the benchmarks: ViT-B/16 and ViT-S/16 with the published decoder, and a small one for 32x32 images. */
    static ModelSpec spec(String name) {
        return switch (name) {
            case "vit-b" -> ModelSpec.of(224, 224, 3, 16, 768, 12, 12, 512, 8, 16);
            case "vit-s" -> ModelSpec.of(224, 224, 3, 16, 384, 12, 6, 512, 8, 16);
            case "vit-ti" -> ModelSpec.of(224, 224, 3, 16, 192, 12, 3, 512, 8, 16);
            case "cifar" -> ModelSpec.of(32, 32, 3, 4, 192, 12, 3, 128, 4, 4);
            default ->
                throw new IllegalArgumentException(
                        "TorchStep: model must be vit-b, vit-s, vit-ti or cifar, but is " + name);
        };
    }

    private static String line(int step, boolean warmup, TorchTrainer.Times t) {
        return String.format(
                Locale.ROOT,
                "{\"step\": %d, \"warmup\": %b, \"ms\": %.1f, \"loss\": %.6f, \"mask\": %.1f, \"teacher\": %.1f,"
                        + " \"student\": %.1f, \"backward\": %.1f, \"adamw\": %.1f, \"ema\": %.1f}",
                step,
                warmup,
                t.total(),
                t.loss(),
                t.mask(),
                t.teacher(),
                t.student(),
                t.backward(),
                t.adamw(),
                t.ema());
    }

    private static String summary(String name, int batch, boolean bf16, Attention attention, List<Double> ms)
            throws IOException {
        double[] sorted = ms.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        double median = (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
        return String.format(
                Locale.ROOT,
                "{\"peer\": \"libtorch\", \"model\": \"%s\", \"batch\": %d, \"dtype\": \"%s\", \"attention\": \"%s\","
                        + " \"steps\": %d, \"median_ms\": %.1f, \"best_ms\": %.1f, \"images_per_s\": %.2f,"
                        + " \"peak_rss_mb\": %d, \"load\": \"%s\", %s}",
                name,
                batch,
                bf16 ? "bf16" : "fp32",
                attention.name().toLowerCase(Locale.ROOT),
                sorted.length,
                median,
                sorted[0],
                1000 * batch / median,
                peakResidentMegabytes(),
                Files.readString(Path.of("/proc/loadavg")).trim(),
                TorchInfo.json());
    }

    /** VmHWM of this process. */
    static long peakResidentMegabytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
            }
        }
        throw new IOException("/proc/self/status has no VmHWM");
    }
}
