package sdae.study;

import java.util.List;
import java.util.Locale;

/**
 * One thing that is compared.
 *
 * @param settings of pretraining, {@code key=value} each, over the study's base
 * @param pretrained false: fine-tuning from scratch is all there is
 * @param finetune settings of fine-tuning, over the study's
 */
record Arm(String name, List<String> settings, boolean pretrained, List<String> finetune) {
    Arm {
        settings = List.copyOf(settings);
        finetune = List.copyOf(finetune);
    }

    /** Its name as a folder's. */
    String folder() {
        return folder(name);
    }

    static String folder(String name) {
        return name.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9.]+", "-").replaceAll("^[-.]+|-+$", "");
    }
}
