package sdae.model;

import sdae.tensor.Checks;

/**
 * The sizes of a student, its decoder and its teacher. All: pre-norm blocks, biases everywhere, erf GELU, norm eps 1e-6.
 *
 * @param mlpWidth inner width of an encoder block's MLP; the decoder's is {@code decoderMlpWidth}
 */
public record ModelSpec(
        int imageHeight,
        int imageWidth,
        int channels,
        int patch,
        int width,
        int depth,
        int heads,
        int mlpWidth,
        int decoderWidth,
        int decoderDepth,
        int decoderHeads,
        int decoderMlpWidth) {

    public ModelSpec {
        Checks.that(
                patch > 0 && imageHeight % patch == 0 && imageWidth % patch == 0,
                "model",
                "image sides must be multiples of the patch " + patch + ", but the image is " + imageHeight + "x"
                        + imageWidth);
        Checks.that(
                width % 4 == 0 && decoderWidth % 4 == 0,
                "model",
                "widths must be multiples of 4 for the position tables, but are " + width + " and " + decoderWidth);
    }

    /** With the MLP ratio 4 of every published model. */
    public static ModelSpec of(
            int imageHeight,
            int imageWidth,
            int channels,
            int patch,
            int width,
            int depth,
            int heads,
            int decoderWidth,
            int decoderDepth,
            int decoderHeads) {
        return new ModelSpec(
                imageHeight,
                imageWidth,
                channels,
                patch,
                width,
                depth,
                heads,
                4 * width,
                decoderWidth,
                decoderDepth,
                decoderHeads,
                4 * decoderWidth);
    }

    public int gridRows() {
        return imageHeight / patch;
    }

    public int gridCols() {
        return imageWidth / patch;
    }

    /** Patches of an image, L. */
    public int patches() {
        return gridRows() * gridCols();
    }

    /** Values of a patch, P. */
    public int patchValues() {
        return channels * patch * patch;
    }
}
