package sdae.config;

import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import sdae.model.ModelSpec;
import sdae.model.Objective;

/** What one setting alone cannot tell: ranges, the named models, and whether the numbers fit together. */
final class ConfigChecks {
    private static final Pattern SIZE = Pattern.compile("(\\d{1,5})(?:x(\\d{1,5}))?");
    private static final Pattern NAME = Pattern.compile("(?:mae_)?(vit_[a-z]+)(?:_patch\\d+)?(?:_dec512d(\\d)b)?");

    /** Patch, width, depth, heads: spec of the released models, and timm's tiny. */
    private static final Map<String, int[]> MODELS = Map.of(
            "vit_tiny", new int[] {16, 192, 12, 3},
            "vit_small", new int[] {16, 384, 12, 6},
            "vit_base", new int[] {16, 768, 12, 12},
            "vit_large", new int[] {16, 1024, 24, 16},
            "vit_huge", new int[] {14, 1280, 32, 16});

    /** The small network of the default run: 49 patches of a 28x28 image, 3 folds of 12. */
    private static final int[] CUSTOM = {4, 64, 3, 2};

    /** Width, depth, heads of the decoder behind a named and behind a custom model. */
    private static final int[][] DECODERS = {{512, 8, 16}, {64, 1, 2}};

    /** Below this, a cosine over the tokens of a fold says next to nothing; with 1 its gradient is zero. */
    private static final int LEAST_FOLD = 4;

    private ConfigChecks() {}

    static void values(Config c) {
        ranges(c);
        rules(c);
    }

    private static void ranges(Config c) {
        between(c, "mask.ratio", 0, 1);
        for (String share : List.of(
                "ema.m0",
                "ema.m1",
                "data.flip",
                "finetune.layer_decay",
                "finetune.smoothing",
                "finetune.mix_prob",
                "finetune.switch_prob",
                "finetune.erase",
                "finetune.ema")) {
            within(c, share, 0, 1);
        }
        between(c, "data.holdout", 0, 1);
        within(c, "ema.halflife_frac", 0, 10);
        within(c, "student.drop_path", 0, 0.99);
        within(c, "optim.beta1", 0, 0.99999);
        within(c, "optim.beta2", 0, 0.999999);
        for (String positive : List.of("optim.eps", "model.mlp_ratio")) {
            within(c, positive, 1e-30, 1e30);
        }
        for (String atLeastZero : List.of(
                "optim.lr",
                "optim.blr",
                "optim.min_lr",
                "optim.clip",
                "wd.start",
                "wd.end",
                "train.epochs",
                "train.warmup_epochs",
                "finetune.mixup",
                "finetune.cutmix",
                "eval.every_epochs",
                "checkpoint.every_epochs")) {
            within(c, atLeastZero, 0, 1e9);
        }
        for (String atLeastOne : List.of(
                "train.batch",
                "train.accumulate",
                "log.every",
                "eval.knn_k",
                "eval.knn_train",
                "eval.knn_test",
                "fold.k")) {
            whole(c, atLeastOne, 1, 1 << 24);
        }
        for (String count : List.of("threads", "data.workers")) {
            whole(c, count, 0, 256);
        }
        for (String size : List.of(
                "model.patch",
                "model.width",
                "model.depth",
                "model.heads",
                "decoder.width",
                "decoder.depth",
                "decoder.heads",
                "ema.warmup_epochs")) {
            whole(c, size, 0, 1 << 16);
        }
        whole(c, "train.steps", 0, Integer.MAX_VALUE);
        whole(c, "data.limit", 0, Integer.MAX_VALUE);
        whole(c, "checkpoint.keep", 2, 1 << 16);
        whole(c, "in_chans", 1, 3);
        range(c, "data.crop_scale", 1);
        range(c, "data.crop_ratio", 100);
    }

    private static void rules(Config c) {
        if (c.integer("in_chans") == 2) {
            throw Config.fault("in_chans must be 1 (grey) or 3 (RGB), but is 2");
        }
        if (c.number("train.epochs") == 0 && c.integer("train.steps") == 0) {
            throw Config.fault("train.epochs or train.steps must be above 0");
        }
        if (c.integer("train.steps") == 0 && c.number("train.warmup_epochs") > c.number("train.epochs")) {
            throw Config.fault("train.warmup_epochs must be at most train.epochs, but is "
                    + c.number("train.warmup_epochs") + " of " + c.number("train.epochs"));
        }
        if (c.peakLearningRate() <= 0) {
            throw Config.fault("optim.lr or optim.blr must be above 0");
        }
        if (c.classifies() && c.integer("train.batch") % 2 != 0 && c.number("finetune.mix_prob") > 0) {
            throw Config.fault("train.batch must be even to mix image i with image B-1-i, but is "
                    + c.integer("train.batch") + " (or set finetune.mix_prob=0)");
        }
        if (!c.text("ema.every").matches("epoch|iter|[1-9]\\d{0,8}")) {
            throw Config.fault(
                    "ema.every must be epoch, iter or a number of steps, but is '" + c.text("ema.every") + "'");
        }
    }

    private static void range(Config c, String key, double most) {
        double[] pair = c.pair(key);
        if (!(pair[0] > 0 && pair[0] <= pair[1] && pair[1] <= most)) {
            throw Config.fault(
                    key + " must be 0 < low <= high <= " + most + ", but is [" + pair[0] + ", " + pair[1] + "]");
        }
    }

    private static void within(Config c, String key, double low, double high) {
        double value = c.number(key);
        if (!(value >= low && value <= high)) {
            throw Config.fault(key + " must be in " + low + ".." + high + ", but is " + value);
        }
    }

    private static void between(Config c, String key, double low, double high) {
        double value = c.number(key);
        if (!(value > low && value < high)) {
            throw Config.fault(key + " must be between " + low + " and " + high + ", but is " + value);
        }
    }

    private static void whole(Config c, String key, long low, long high) {
        long value = c.longInteger(key);
        if (value < low || value > high) {
            throw Config.fault(key + " must be in " + low + ".." + high + ", but is " + value);
        }
    }

    static ModelSpec model(Config c) {
        Matcher size = SIZE.matcher(c.text("image.size"));
        if (!size.matches()) {
            throw Config.fault(
                    "image.size must be a side or height x width as 224x160, but is '" + c.text("image.size") + "'");
        }
        int height = Integer.parseInt(size.group(1));
        int width = size.group(2) == null ? height : Integer.parseInt(size.group(2));
        int[] named = named(c.text("model.name"));
        int patch = or(c.integer("model.patch"), named[0]);
        int modelWidth = or(c.integer("model.width"), named[1]);
        int heads = or(c.integer("model.heads"), named[3]);
        int[] decoder = DECODERS[c.text("model.name").equals("custom") ? 1 : 0];
        int decoderWidth = or(c.integer("decoder.width"), decoder[0]);
        int decoderHeads = or(c.integer("decoder.heads"), decoder[2]);
        multiple("image.size", height, "model.patch", patch);
        multiple("image.size", width, "model.patch", patch);
        multiple("model.width", modelWidth, "4 for the position table, and of model.heads", heads);
        multiple("model.width", modelWidth, "4, the parts of the position table,", 4);
        multiple("decoder.width", decoderWidth, "decoder.heads", decoderHeads);
        multiple("decoder.width", decoderWidth, "4, the parts of the position table,", 4);
        headSize("model.heads", modelWidth / heads);
        headSize("decoder.heads", decoderWidth / decoderHeads);
        double ratio = c.number("model.mlp_ratio");
        return new ModelSpec(
                height,
                width,
                c.integer("in_chans"),
                patch,
                modelWidth,
                or(c.integer("model.depth"), named[2]),
                heads,
                (int) (ratio * modelWidth),
                decoderWidth,
                or(c.integer("decoder.depth"), decoder[1]),
                decoderHeads,
                (int) (ratio * decoderWidth));
    }

    private static void headSize(String key, int size) {
        if (size > 128) {
            throw Config.fault(key + " leaves heads of " + size + " channels, the most is 128; take more heads");
        }
    }

    private static int[] named(String name) {
        if (name.equals("custom")) {
            return CUSTOM;
        }
        Matcher parts = NAME.matcher(name);
        int[] sizes = parts.matches() ? MODELS.get(parts.group(1)) : null;
        if (sizes == null) {
            throw Config.fault("model.name must be custom or one of "
                    + MODELS.keySet().stream().sorted().toList() + ", but is '" + name + "'");
        }
        return sizes;
    }

    private static int or(int given, int preset) {
        return given > 0 ? given : preset;
    }

    private static void multiple(String key, int value, String of, int divisor) {
        if (value < divisor || value % divisor != 0) {
            int below = Math.max(1, value / divisor) * divisor;
            throw Config.fault(key + " must be a multiple of " + of + " " + divisor + ", but is " + value
                    + " (nearest: " + below + " or " + (below + divisor) + ")");
        }
    }

    static Config.Patches patches(Config c, ModelSpec model) {
        int all = model.patches();
        if (c.classifies()) {
            return new Config.Patches(all, all, 0, 1, 0);
        }
        int visible = (int) (all * (1 - c.number("mask.ratio")));
        int masked = all - visible;
        if (visible < 1 || masked < 1) {
            throw Config.fault("mask.ratio " + c.number("mask.ratio") + " of " + all + " patches leaves " + visible
                    + " visible and " + masked + " masked; both must be at least 1");
        }
        if (all + 1 > 1024) {
            throw Config.fault("an image has " + all + " patches; attention takes 1023 and the class token at most");
        }
        boolean folded =
                c.text("objective").equals("sdae") && c.text("teacher.view").equals("masked_folds");
        int folds = folded ? c.integer("fold.k") : 1;
        int shown = shown(c, masked);
        if (shown < folds) {
            throw Config.fault(shown + " masked patches cannot make " + folds + " folds; lower fold.k");
        }
        return new Config.Patches(all, visible, masked, folds, shown / folds);
    }

    private static int shown(Config c, int masked) {
        String tokens = c.text("fold.tokens");
        if (tokens.equals("all") || c.text("objective").equals("mae")) {
            return masked;
        }
        if (!tokens.matches("[1-9]\\d{0,6}") || Integer.parseInt(tokens) > masked) {
            throw Config.fault(
                    "fold.tokens must be all or 1.." + masked + " (the masked patches), but is '" + tokens + "'");
        }
        return Integer.parseInt(tokens);
    }

    /** Null for a classifier, which predicts neither features nor pixels. */
    static Objective objective(Config c, Config.Patches patches) {
        if (c.classifies()) {
            return null;
        }
        if (c.text("objective").equals("mae")) {
            return new Objective.Mae(c.flag("loss.norm_pix"));
        }
        Objective.TeacherView view = switch (c.text("teacher.view")) {
            case "masked" -> Objective.TeacherView.MASKED;
            case "full" -> Objective.TeacherView.FULL;
            default -> Objective.TeacherView.MASKED_FOLDS;
        };
        Objective.Axis axis = switch (c.text("loss.axis")) {
            case "token" -> Objective.Axis.TOKEN;
            case "channel" -> Objective.Axis.CHANNEL;
            default -> Objective.Axis.AUTO;
        };
        Objective.Kind kind = switch (c.text("loss.type")) {
            case "smooth_l1" -> Objective.Kind.SMOOTH_L1;
            case "mse" -> Objective.Kind.MSE;
            default -> Objective.Kind.COSINE;
        };
        boolean token = kind == Objective.Kind.COSINE
                && (axis == Objective.Axis.TOKEN
                        || (axis == Objective.Axis.AUTO && view != Objective.TeacherView.FULL));
        if (token && patches.foldSize() < LEAST_FOLD) {
            throw Config.fault(
                    "loss.axis=token needs folds of " + LEAST_FOLD + " patches or more, but " + patches.used()
                            + " masked patches in " + patches.folds() + " folds are " + patches.foldSize()
                            + " each; lower fold.k or take loss.axis=channel");
        }
        if (c.flag("loss.center_tokens") && !token) {
            throw Config.fault(
                    "loss.center_tokens is defined for the cosine over the token axis only; set loss.axis=token");
        }
        return new Objective.Sdae(view, patches.folds(), axis, kind, c.flag("loss.center_tokens"));
    }
}
