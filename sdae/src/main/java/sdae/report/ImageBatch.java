package sdae.report;

import java.awt.image.BufferedImage;

/**
 * Images as a model sees them: values [n, C, H, W], normalised per channel, C = 1 or 3. Undoes the normalisation:
 * {@code pixel = value * std + mean}, pixels in 0..1.
 */
public final class ImageBatch {
    private final float[] values;
    private final int channels;
    private final int height;
    private final int width;
    private final float[] mean;
    private final float[] std;

    /**
     * Copies nothing but reads {@code values} only.
     *
     * @param mean one a channel, in 0..1
     * @param std one a channel, in 0..1
     */
    public ImageBatch(float[] values, int channels, int height, int width, float[] mean, float[] std) {
        if (channels != 1 && channels != 3) {
            throw new IllegalArgumentException("images: channels must be 1 or 3, but is " + channels);
        }
        if (height < 1 || width < 1 || values.length == 0 || values.length % (channels * height * width) != 0) {
            throw new IllegalArgumentException("images: values must hold whole images of [" + channels + ", " + height
                    + ", " + width + "], but hold " + values.length + " numbers");
        }
        if (mean.length != channels || std.length != channels) {
            throw new IllegalArgumentException("images: mean and std must be [" + channels + "], but are ["
                    + mean.length + "] and [" + std.length + "]");
        }
        this.values = values;
        this.channels = channels;
        this.height = height;
        this.width = width;
        this.mean = mean.clone();
        this.std = std.clone();
    }

    /** The number of images, n. */
    public int count() {
        return values.length / (channels * height * width);
    }

    /** C. */
    public int channels() {
        return channels;
    }

    /** H. */
    public int height() {
        return height;
    }

    /** W. */
    public int width() {
        return width;
    }

    /** The normalised value. */
    public float value(int image, int channel, int y, int x) {
        return values[((image * channels + channel) * height + y) * width + x];
    }

    /** The colour of a pixel, 0xRRGGBB; of a grey image all three levels are equal. */
    int colour(int image, int y, int x) {
        int rgb = 0;
        for (int c = 0; c < 3; c++) {
            int channel = channels == 1 ? 0 : c;
            rgb = rgb << 8 | level(value(image, channel, y, x), channel);
        }
        return rgb;
    }

    /** A normalised value of {@code channel} as a level 0..255; one that is not finite as 0. */
    int level(float value, int channel) {
        float pixel = value * std[channel] + mean[channel];
        return Float.isFinite(pixel) ? Math.round(Math.max(0, Math.min(1, pixel)) * 255) : 0;
    }

    /** Image {@code i} at its own size. */
    public BufferedImage image(int i) {
        BufferedImage picture = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                picture.setRGB(x, y, colour(i, y, x));
            }
        }
        return picture;
    }
}
