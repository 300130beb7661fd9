package sdae.data;

/**
 * A decoded image: {@code pixels[(y * width + x) * channels + c]}, unsigned bytes, 1 (grey) or 3 (red, green, blue) channels.
 * The array is shared, never written after construction.
 */
@SuppressWarnings("ArrayRecordComponent") // a view of memory, not a value: never compared
public record RawImage(int width, int height, int channels, byte[] pixels) {

    public RawImage {
        if (width < 1 || height < 1 || (channels != 1 && channels != 3)) {
            throw new IllegalArgumentException("rawImage: size must be positive and channels 1 or 3, but it is ["
                    + height + ", " + width + ", " + channels + "]");
        }
        if (pixels.length != (long) width * height * channels) {
            throw new IllegalArgumentException("rawImage: pixels must hold [" + height + ", " + width + ", " + channels
                    + "], but has " + pixels.length + " bytes");
        }
    }

    /**
     * The image with {@code wanted} channels, itself if it has them. Grey becomes three equal channels; colour becomes
     * (19595 r + 38470 g + 7471 b + 32768) >> 16, the ITU-R 601 luma as Pillow rounds it.
     *
     * @throws IllegalArgumentException if wanted is not 1 or 3
     */
    public RawImage withChannels(int wanted) {
        if (wanted == channels) {
            return this;
        }
        int count = width * height;
        byte[] out = new byte[Math.multiplyExact(count, wanted)];
        if (channels == 1) {
            for (int i = 0, o = 0; i < count; i++, o += 3) {
                out[o] = out[o + 1] = out[o + 2] = pixels[i];
            }
        } else {
            for (int i = 0, p = 0; i < count; i++, p += 3) {
                int luma = 19595 * (pixels[p] & 0xff) + 38470 * (pixels[p + 1] & 0xff) + 7471 * (pixels[p + 2] & 0xff);
                out[i] = (byte) ((luma + 32768) >> 16);
            }
        }
        return new RawImage(width, height, wanted, out);
    }

    /** The image turned upright by its EXIF orientation, 1 (as stored) to 8 (TIFF 6.0, tag 274). */
    RawImage upright(int orientation) {
        if (orientation <= 1 || orientation > 8) {
            return this;
        }
        boolean swap = orientation >= 5;
        int outWidth = swap ? height : width;
        int outHeight = swap ? width : height;
        byte[] out = new byte[pixels.length];
        for (int y = 0, o = 0; y < outHeight; y++) {
            for (int x = 0; x < outWidth; x++) {
                int across = swap ? y : x;
                int down = swap ? x : y;
                boolean mirrorAcross = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
                boolean mirrorDown = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
                int fromX = mirrorAcross ? width - 1 - across : across;
                int fromY = mirrorDown ? height - 1 - down : down;
                int p = (fromY * width + fromX) * channels;
                for (int c = 0; c < channels; c++) {
                    out[o++] = pixels[p + c];
                }
            }
        }
        return new RawImage(outWidth, outHeight, channels, out);
    }
}
