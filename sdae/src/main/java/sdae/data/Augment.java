package sdae.data;

import sdae.tensor.Philox;

/** From a decoded image to the network's input. Used by several threads at once. */
public abstract class Augment {
    private final int height;
    private final int width;
    private final float[] scale;
    private final float[] shift;
    private final ThreadLocal<Resample> resample = ThreadLocal.withInitial(Resample::new);

    Augment(int height, int width, Normalization normalization) {
        if (height < 1 || width < 1) {
            throw new IllegalArgumentException(
                    "augment: output size must be positive, but is [" + height + ", " + width + "]");
        }
        this.height = height;
        this.width = width;
        this.scale = new float[normalization.channels()];
        this.shift = new float[normalization.channels()];
        for (int c = 0; c < scale.length; c++) {
            scale[c] = 1 / (255 * normalization.std()[c]);
            shift[c] = -normalization.mean()[c] / normalization.std()[c];
        }
    }

    public final int channels() {
        return scale.length;
    }

    public final int height() {
        return height;
    }

    public final int width() {
        return width;
    }

    /** Floats of one output: channels * height * width. */
    public final int outputSize() {
        return scale.length * height * width;
    }

    /**
     * Writes [channels, height, width] at out[offset..]: (pixel / 255 - mean) / std.
     *
     * @param random the numbers of this image in this epoch, at their start
     */
    public abstract void apply(RawImage image, float[] out, int offset, Philox random);

    final void write(RawImage image, Resample.Box box, Resample.Window window, boolean flip, float[] out, int offset) {
        RawImage wanted = image.withChannels(channels());
        resample.get().resize(wanted, box, window, flip, scale, shift, out, offset);
    }
}
