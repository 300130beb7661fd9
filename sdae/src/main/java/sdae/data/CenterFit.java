package sdae.data;

import sdae.tensor.Philox;

/**
 * For evaluation: the image as it is if it has the wanted size; else resized to cover 256/224 of it (for a square output: the
 * short side becomes round(size * 256 / 224)) and cropped at the centre, as torchvision's Resize and CenterCrop do.
 */
public final class CenterFit extends Augment {

    public CenterFit(int height, int width, Normalization normalization) {
        super(height, width, normalization);
    }

    @Override
    public void apply(RawImage image, float[] out, int offset, Philox random) {
        Resample.Box box = new Resample.Box(0, 0, image.width(), image.height());
        write(image, box, window(image.width(), image.height()), false, out, offset);
    }

    Resample.Window window(int imageWidth, int imageHeight) {
        if (imageWidth == width() && imageHeight == height()) {
            return Resample.Window.whole(imageWidth, imageHeight);
        }
        int coverWidth = (int) Math.rint(width() * 256.0 / 224);
        int coverHeight = (int) Math.rint(height() * 256.0 / 224);
        int w = coverWidth;
        int h = coverHeight;
        if ((long) imageWidth * coverHeight >= (long) imageHeight * coverWidth) {
            w = Math.max(coverWidth, (int) Math.min(1 << 20, (long) coverHeight * imageWidth / imageHeight));
        } else {
            h = Math.max(coverHeight, (int) Math.min(1 << 20, (long) coverWidth * imageHeight / imageWidth));
        }
        int left = (int) Math.rint((w - width()) / 2.0);
        int top = (int) Math.rint((h - height()) / 2.0);
        return new Resample.Window(w, h, left, top, width(), height());
    }
}
