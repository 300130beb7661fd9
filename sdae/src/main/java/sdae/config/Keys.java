package sdae.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import sdae.tensor.Devices;
import sdae.tensor.GemmChoice;

/** Every setting there is, in the order of a written config. The one place to add one. */
final class Keys {
    private static final Map<String, Key> ALL = new LinkedHashMap<>();

    static {
        choice(
                "objective",
                "sdae",
                List.of("sdae", "mae", "classify"),
                "predict a teacher's features, pixels, or (sdae finetune) classes");
        choice(
                "preset",
                "robust",
                List.of("robust", "sdae-official", "tiny-sim", "finetune"),
                "which recipe fills what is not set");
        integer("seed", 0, "of every random number");
        quiet(Key.Type.INTEGER, "threads", 0L, "of the kernels; 0 is one for every CPU");
        choice("device", "cpu", Devices.NAMES, "where the kernels run; cuda-sim is a simulated GPU, slow and strict");
        quiet(Key.Type.FLAG, "device.graphs", true, "replay a step's launches as CUDA graphs");
        put(new Key(
                "device.gemm",
                Key.Type.CHOICE,
                "auto",
                GemmChoice.NAMES,
                false,
                "linear layers on CUDA: own kernels, cublaslt, or auto: cublaslt for bf16 where cuda finds it"));
        quiet(
                Key.Type.FLAG,
                "device.events",
                false,
                "on CUDA: wait for every kernel and take the device's own time for profile.csv; no graphs");
        quiet(
                Key.Type.FLAG,
                "device.gemm_timing",
                false,
                "cublaslt: take the fastest algorithm, not the first; two runs may then differ in last bits");
        quiet(Key.Type.TEXT, "run.dir", "runs", "folder that run folders are made in");
        quiet(Key.Type.TEXT, "run.name", "", "the run's folder; empty: objective, data and time");

        text("data.path", "fashion-mnist", "fashion-mnist, an idx folder, an image folder, .tar, .tar.gz or .zip");
        number("data.holdout", 0.1, "share of the images kept for kNN when the data has no test part");
        pair("data.crop_scale", 0.4, 1, "area of a random crop");
        pair("data.crop_ratio", 0.75, 4.0 / 3, "aspect of a random crop");
        number("data.flip", 0.5, "probability of a horizontal flip");
        text("data.mean", "auto", "of each channel, in 0..1, comma separated; auto: measured");
        text("data.std", "auto", "of each channel, comma separated; auto: measured");
        quiet(Key.Type.INTEGER, "data.workers", 1L, "threads that decode ahead of the step");
        choice("data.on_bad_image", "fail", List.of("fail", "skip"), "what a broken image does");
        integer("data.limit", 0, "use the first images only; 0 is all");
        text("image.size", "28", "side, or height x width as 224x160");
        integer("in_chans", 1, "1 grey, 3 RGB");

        text(
                "model.name",
                "custom",
                "vit_tiny, vit_small, vit_base, vit_large, vit_huge, or custom with the sizes below");
        integer("model.patch", 0, "side of a patch; 0: of the named model");
        integer("model.width", 0, "of the encoder; 0: of the named model");
        integer("model.depth", 0, "blocks of the encoder; 0: of the named model");
        integer("model.heads", 0, "heads of the encoder; 0: of the named model");
        number("model.mlp_ratio", 4, "inner width of an MLP over the width");
        integer("decoder.width", 0, "of the decoder; 0: 512 behind a named model, 64 behind a custom one");
        integer("decoder.depth", 0, "blocks of the decoder; 0: 8 or 1");
        integer("decoder.heads", 0, "heads of the decoder; 0: 16 or 2");
        choice("model.dtype", "f32", List.of("f32", "bf16"), "what activations are stored as; weights stay f32");
        number("student.drop_path", 0, "drop probability of the last encoder block, rising linearly from 0");
        choice(
                "init.patch_bias",
                "conv_default",
                List.of("conv_default", "zero"),
                "initial bias of the patch projection");

        choice(
                "student.init",
                "random",
                List.of("random", "encoder:*", "checkpoint:*"),
                "the student at the start: untrained, or a run or weights file, its encoder alone or with its decoder");

        number("mask.ratio", 0.75, "share of the patches hidden from the student");
        integer("fold.k", 3, "sequences that the masked patches are cut into for the teacher");
        text("fold.tokens", "all", "masked patches shown to the teacher: all, or a number");
        choice("teacher.view", "masked_folds", List.of("masked_folds", "masked", "full"), "what the teacher sees");
        choice(
                "teacher.init",
                "copy",
                List.of("copy", "random_timm", "checkpoint:*"),
                "the teacher at the start: the student, an unrelated network, or a weights file");
        choice(
                "teacher.pos",
                "shared",
                List.of("ema", "shared"),
                "the teacher's positions: averaged, or the student's");
        text("ema.every", "iter", "epoch, iter, or every N steps");
        number("ema.m0", 0.96, "momentum at the start");
        number("ema.m1", 0.99, "momentum at the end");
        integer("ema.warmup_epochs", 0, "linear entries before the cosine (per epoch only)");
        number(
                "ema.halflife_frac",
                0.1,
                "steps in which the teacher forgets half, as a share of the run; 0: ema.m0 to ema.m1");
        flag("ema.on_skipped", false, "also after a step whose update was skipped");

        choice("loss.axis", "channel", List.of("token", "channel", "auto"), "what a cosine runs over");
        choice("loss.type", "cosine", List.of("cosine", "smooth_l1", "mse"), "distance to the teacher's features");
        flag("loss.center_tokens", false, "take each channel's mean over the fold away first (token axis)");
        flag("loss.norm_pix", true, "mae: standardise each target patch");

        number("optim.lr", 0, "peak learning rate; 0: optim.blr * images a step / 256");
        number("optim.blr", 2e-3, "base learning rate");
        number("optim.min_lr", 0, "learning rate at the end");
        number("optim.beta1", 0.9, "of AdamW");
        number("optim.beta2", 0.95, "of AdamW");
        number("optim.eps", 1e-8, "of AdamW");
        number("optim.clip", 0, "largest L2 norm of the gradient; 0: no clipping");
        number("wd.start", 0.04, "weight decay");
        number("wd.end", 0.04, "weight decay at the end (cosine)");
        flag("wd.skip_tokens", false, "no decay for class and mask token");

        integer("train.batch", 128, "images a micro step");
        integer("train.accumulate", 1, "micro steps an update");
        number("train.epochs", 6, "passes over the data");
        integer("train.steps", 0, "updates; 0: from train.epochs");
        number("train.warmup_epochs", 0.6, "of linear warm-up");
        quiet(
                Key.Type.FLAG,
                "train.recompute",
                false,
                "compute each block a second time in the backward pass: less memory, same results, a fourth more time");
        quiet(Key.Type.INTEGER, "log.every", 10L, "steps between rows of metrics.csv");
        quiet(Key.Type.NUMBER, "eval.every_epochs", 1.0, "epochs between evaluations; 0: only before and after");
        quiet(Key.Type.FLAG, "eval.run", true, "evaluate at all");
        quiet(Key.Type.FLAG, "eval.duplicates", true, "finetune: look for test images among the training images first");
        quiet(Key.Type.INTEGER, "eval.knn_k", 20L, "neighbours that vote");
        quiet(Key.Type.INTEGER, "eval.knn_train", 10000L, "labelled images to look neighbours up in");
        quiet(Key.Type.INTEGER, "eval.knn_test", 5000L, "images to classify");
        text("finetune.from", "scratch", "a run folder, a weights file, or scratch: the untrained network");
        choice("finetune.network", "student", List.of("student", "teacher"), "which network of the run");
        flag("finetune.strict", true, "false: load what fits of the weights and say what does not");
        choice("finetune.pool", "mean", List.of("mean", "cls"), "what the head sees: patch tokens, or the class token");
        number("finetune.layer_decay", 0.65, "a layer's learning rate over that of the layer above it");
        number("finetune.smoothing", 0.1, "of the labels");
        number("finetune.mixup", 0.8, "alpha of mixup; 0: off");
        number("finetune.cutmix", 1, "alpha of cutmix; 0: off");
        number("finetune.mix_prob", 1, "share of the batches that are mixed");
        number("finetune.switch_prob", 0.5, "share of those that cutmix gets, where mixup is on too");
        number("finetune.erase", 0.25, "probability of a box of noise in an image");
        text("finetune.randaugment", "rand-m9-mstd0.5-inc1", "timm's policy, or none");
        number("finetune.ema", 0, "momentum of averaged weights, evaluated too; 0: none");
        quiet(Key.Type.NUMBER, "checkpoint.every_epochs", 1.0, "epochs between checkpoints; 0: only at the end");
        quiet(Key.Type.INTEGER, "checkpoint.keep", 2L, "newest checkpoints to keep, 2 or more");
    }

    private Keys() {}

    static Map<String, Key> all() {
        return ALL;
    }

    private static void put(Key key) {
        ALL.put(key.name(), key);
    }

    private static void quiet(Key.Type type, String name, Object preset, String help) {
        put(new Key(name, type, preset, List.of(), false, help));
    }

    private static void text(String name, String preset, String help) {
        put(new Key(name, Key.Type.TEXT, preset, List.of(), true, help));
    }

    private static void integer(String name, long preset, String help) {
        put(new Key(name, Key.Type.INTEGER, preset, List.of(), true, help));
    }

    private static void number(String name, double preset, String help) {
        put(new Key(name, Key.Type.NUMBER, preset, List.of(), true, help));
    }

    private static void flag(String name, boolean preset, String help) {
        put(new Key(name, Key.Type.FLAG, preset, List.of(), true, help));
    }

    private static void pair(String name, double low, double high, String help) {
        put(new Key(name, Key.Type.PAIR, List.of(low, high), List.of(), true, help));
    }

    private static void choice(String name, String preset, List<String> choices, String help) {
        put(new Key(name, Key.Type.CHOICE, preset, choices, true, help));
    }

    /** The known name that looks most like this one, or null if none comes near. */
    static String nearest(String name) {
        String best = null;
        int least = Integer.MAX_VALUE;
        for (String known : ALL.keySet()) {
            String last = known.substring(known.lastIndexOf('.') + 1);
            int distance =
                    Math.min(distance(name, known), distance(name.substring(name.lastIndexOf('.') + 1), last) + 1);
            if (distance < least) {
                least = distance;
                best = known;
            }
        }
        return least <= Math.max(2, name.length() / 2) ? best : null;
    }

    /** Levenshtein distance. */
    private static int distance(String a, String b) {
        List<Integer> row = new ArrayList<>();
        for (int j = 0; j <= b.length(); j++) {
            row.add(j);
        }
        for (int i = 1; i <= a.length(); i++) {
            int diagonal = row.get(0);
            row.set(0, i);
            for (int j = 1; j <= b.length(); j++) {
                int changed = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
                diagonal = row.get(j);
                row.set(j, Math.min(changed, 1 + Math.min(row.get(j), row.get(j - 1))));
            }
        }
        return row.get(b.length());
    }
}
