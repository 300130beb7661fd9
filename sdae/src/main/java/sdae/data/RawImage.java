package sdae.data;

import java.nio.ByteBuffer;

/**
 * A decoded image: {@code memory[(y * width + x) * channels + c]}, unsigned bytes, 1 (grey) or 3 (red, green, blue) channels.
 * Never written after construction, unless a {@link NativeBuffer} was given to the decoder and is used again. Memory
 * outside the heap is read in place by kernels.
 */
public record RawImage(int width, int height, int channels, ByteBuffer memory) {

    /** An image in an array, which is shared. */
    public RawImage(int width, int height, int channels, byte[] pixels) {
        this(width, height, channels, ByteBuffer.wrap(pixels));
    }

    public RawImage {
        if (width < 1 || height < 1 || (channels != 1 && channels != 3)) {
            throw new IllegalArgumentException("rawImage: size must be positive and channels 1 or 3, but it is ["
                    + height + ", " + width + ", " + channels + "]");
        }
        if (memory.capacity() != (long) width * height * channels) {
            throw new IllegalArgumentException("rawImage: pixels must hold [" + height + ", " + width + ", " + channels
                    + "], but has " + memory.capacity() + " bytes");
        }
    }

    /** The image's array, which is shared; a copy of memory outside the heap, or of a part of an array. */
    public byte[] pixels() {
        if (memory.hasArray() && memory.arrayOffset() == 0 && memory.array().length == memory.capacity()) {
            return memory.array();
        }
        byte[] copy = new byte[memory.capacity()];
        memory.get(0, copy);
        return copy;
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
        byte[] pixels = pixels();
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
        byte[] pixels = pixels();
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
