package sdae.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;

/** A run folder as the trainer would leave it, with made-up curves. */
final class FakeRun {
    private FakeRun() {}

    /** Writes all files of a run; {@code objective} is sdae or mae. */
    static Path write(Path folder, String objective, int seed) throws IOException {
        Files.createDirectories(folder);
        boolean sdae = objective.equals("sdae");
        Files.writeString(folder.resolve("config.yaml"), """
                objective: %s
                model: vit_tiny
                seed: %d
                image: {size: [28, 28], channels: 1, patch: 4, mean: [0.286], std: [0.353]}
                data: {path: /usr/share/datasets/fashion-mnist, workers: 2, crop: {scale: [0.2, 1.0], flip: true}}
                student: {width: 192, depth: 6, heads: 3, drop_path: 0.0}
                decoder: {width: 96, depth: 2, heads: 3}
                mask: {ratio: 0.75, folds: 3}
                teacher: {init: copy, pos: shared, momentum: 0.996}
                loss: {axis: token, center_tokens: false}
                optim: {lr: 0.0015, weight_decay: 0.05, betas: [0.9, 0.95], clip: null, warmup: 0.1}
                train: {epochs: 12, batch: 256, eval_every: 200}
                """.formatted(objective, seed));
        Files.writeString(
                folder.resolve("summary.json"), """
                {"steps": 2800, "images": 716800, "seconds": 181.4, "images_per_s": 4120.5, "final_loss": %s,
                 "knn_untrained": 0.712, "knn_trained": %s, "knn_raw_pixels": 0.801, "peak_rss_bytes": 1288490188,
                 "gflop_per_step": 9.1, "fma_peak_gflops": 214.6, "config_hash": "9f2c41d07be3",
                 "versions": {"sdae": "0.1.0", "git_commit": "b5565f7", "java": "17.0.15", "javacpp": "1.5.13"},
                 "machine": {"cpu": "Intel Xeon, 2 cores", "isa": "avx512", "threads": 2, "blas": "oneDNN 3.11",
                 "memory_bytes": 8362131456, "os": "Linux 6.1"}}
                """.formatted(sdae ? "0.2431" : "0.5127", sdae ? "0.846" : "0.823"));
        metrics(folder, sdae, seed);
        evals(folder, sdae, seed);
        Files.writeString(folder.resolve("profile.csv"), """
                part,calls,seconds,gflop,bytes
                data wait,2800,1.9,,
                student forward,2800,44.1,6100,310000000000
                teacher forward,2800,31.7,5200,240000000000
                decoder forward,2800,12.4,1900,120000000000
                loss,2800,3.1,2.4,21000000000
                backward,2800,74.5,12400,590000000000
                AdamW,2800,4.9,9.1,88000000000
                EMA,2800,1.2,1.6,22000000000
                """);
        return folder;
    }

    private static void metrics(Path folder, boolean sdae, int seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        StringBuilder csv =
                new StringBuilder("step,epoch,loss,lr,momentum,weight_decay,grad_norm,images_per_s,seconds\n");
        for (int step = 1; step <= 2800; step++) {
            double done = step / 2800.0;
            double noise = 0.03 * (random.nextDouble() + random.nextDouble() - 1) + (step == 900 ? 3 : 0);
            double loss = (sdae ? 0.24 + 0.7 * Math.exp(-5 * done) : 0.5 + 0.5 * Math.exp(-9 * done)) + noise;
            double lr = 0.0015 * (done < 0.1 ? done / 0.1 : 0.5 * (1 + Math.cos(Math.PI * (done - 0.1) / 0.9)));
            csv.append(String.format(
                    Locale.ROOT,
                    "%d,%.4f,%.5f,%.8f,%s,0.05,%.4f,%.1f,%.2f%n",
                    step,
                    done * 12,
                    loss,
                    lr,
                    sdae ? String.valueOf(0.996 + 0.004 * done * done) : "",
                    1.2 + 3 * noise + Math.exp(-8 * done),
                    4100 + 200 * random.nextDouble() - (step % 400 == 0 ? 1500 : 0),
                    181.4 * done));
        }
        Files.writeString(folder.resolve("metrics.csv"), csv.append("2801,12.0,0.2"));
    }

    private static void evals(Path folder, boolean sdae, int seed) throws IOException {
        StringBuilder csv = new StringBuilder("step,epoch,knn_student,knn_teacher,target_std_tokens,target_std_images,"
                + "effective_rank,cosine_token,cosine_channel,student_teacher_distance,linear_probe\n");
        for (int step = 0; step <= 2800; step += 200) {
            double done = step / 2800.0;
            double rise = 1 - Math.exp(-4 * done);
            double wave = 0.004 * Math.sin(step + seed);
            csv.append(String.format(Locale.ROOT, "%d,%.2f,%.4f,", step, done * 12, 0.712 + 0.12 * rise + wave));
            if (sdae) {
                csv.append(String.format(
                        Locale.ROOT,
                        "%.4f,%.4f,%.4f,%.2f,%.4f,%.4f,%.5f,%s%n",
                        0.712 + 0.134 * rise,
                        0.55 + 0.2 * rise,
                        0.61 - 0.55 * rise,
                        34 + 21 * rise,
                        0.3 + 0.46 * rise,
                        0.35 + 0.4 * rise,
                        0.08 * done * Math.exp(-2 * done),
                        step % 400 == 0 ? 0.74 + 0.1 * rise : ""));
            } else {
                csv.append(String.format(Locale.ROOT, ",,,%.2f,,,,%n", 30 + 12 * rise));
            }
        }
        Files.writeString(folder.resolve("evals.csv"), csv);
    }
}
