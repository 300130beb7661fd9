package sdae.train;

import java.util.ArrayList;
import java.util.List;
import sdae.config.Config;

/** The settings of a fine-tuning that come from elsewhere than its recipe. */
public final class FinetuneSettings {
    private static final int EPOCHS_A_WARMUP = 20; // 5 of 100 in main_finetune

    /** What a fine-tuning takes over from the network's run. */
    private static final List<String> INHERITED = List.of(
            "seed",
            "threads",
            "device",
            "run.dir",
            "data.path",
            "data.holdout",
            "data.mean",
            "data.std",
            "data.workers",
            "data.on_bad_image",
            "data.limit",
            "image.size",
            "in_chans",
            "model.name",
            "model.patch",
            "model.width",
            "model.depth",
            "model.heads",
            "model.mlp_ratio",
            "model.dtype",
            "init.patch_bias");

    private FinetuneSettings() {}

    /** Sizes, images and seed of a network's run, and where the weights are: a run, a file, or {@code scratch}. */
    public static List<String> inherited(Config source, String from) {
        List<String> settings = new ArrayList<>(source.settings(INHERITED));
        settings.add("finetune.from=" + from);
        return settings;
    }

    /** So many epochs, and a twentieth of them as warm-up. */
    public static List<String> epochs(double epochs) {
        return List.of("train.epochs=" + epochs, "train.warmup_epochs=" + epochs / EPOCHS_A_WARMUP);
    }
}
