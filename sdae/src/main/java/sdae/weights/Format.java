package sdae.weights;

import java.util.Set;

/** Whose names a weights file uses. */
public enum Format {
    /** timm's vision transformer, MAE's decoder: ours too. */
    TIMM("timm"),
    /** Hugging Face's {@code ViTModel} and {@code ViTForImageClassification}. */
    HF_VIT("hf-vit"),
    /** Hugging Face's {@code ViTMAEModel} and {@code ViTMAEForPreTraining}. */
    HF_VITMAE("hf-vitmae");

    private final String word;

    Format(String word) {
        this.word = word;
    }

    /** Whether its files are a folder with {@code config.json} beside the weights. */
    boolean huggingFace() {
        return this != TIMM;
    }

    /** @throws IllegalArgumentException for a word that is none of them */
    public static Format named(String word) {
        for (Format format : values()) {
            if (format.word.equals(word)) {
                return format;
            }
        }
        throw new IllegalArgumentException("must be timm, hf-vit or hf-vitmae, but is '" + word + "'");
    }

    /** The format of a file with these names. */
    static Format of(Set<String> names) {
        if (!HuggingFace.names(names)) {
            return TIMM;
        }
        return names.contains("decoder.mask_token") ? HF_VITMAE : HF_VIT;
    }

    @Override
    public String toString() {
        return word;
    }
}
