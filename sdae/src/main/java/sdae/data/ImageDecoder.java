package sdae.data;

/** Turns a JPEG or PNG file into pixels. Implementations may be used by several threads at once. */
public interface ImageDecoder {
    /** Largest image that is decoded, in pixels: the size from which Pillow warns of a decompression bomb. */
    long MAX_PIXELS = 89_478_485;

    /**
     * Decodes by content, whatever the name says. Grey files give 1 channel, all others 3 (red, green, blue); colour profiles
     * and gamma are ignored. Alpha is composited on black: (v * a + 127) / 255. 16-bit samples are scaled by 255 / 65535 and
     * rounded. A JPEG is turned upright by its EXIF orientation. Of an animation the first frame counts.
     *
     * @param path for messages
     * @param memory may be given the pixels, which then last until it is used again; null: they get an array of their own
     * @throws BadImageException for empty, truncated, damaged, too large and unsupported (CMYK, lossless, arithmetic) files
     */
    default RawImage decode(byte[] file, String path, NativeBuffer memory) {
        if (PngDecoder.isPng(file)) {
            return PngDecoder.decode(file, path);
        }
        if (!JpegFile.isJpeg(file)) {
            throw new BadImageException(
                    path, file.length == 0 ? "empty file" : "neither JPEG nor PNG", "convert or remove it");
        }
        JpegFile jpeg = JpegFile.parse(file, path);
        RawImage image = decodeJpeg(jpeg, path, memory);
        if (image.width() != jpeg.width() || image.height() != jpeg.height() || image.channels() != jpeg.components()) {
            throw new BadImageException(path, "decoded to another size than its header says", "");
        }
        return image.upright(jpeg.orientation());
    }

    /** As {@link #decode(byte[], String, NativeBuffer)}, to an array. */
    default RawImage decode(byte[] file, String path) {
        return decode(file, path, null);
    }

    /** Decodes a JPEG whose structure and size have been checked; no rotation, [height, width, components]. */
    RawImage decodeJpeg(JpegFile jpeg, String path, NativeBuffer memory);

    /** The fastest decoder that works here: OpenCV, or pure Java where OpenCV's natives cannot be loaded. */
    static ImageDecoder preferred() {
        return PreferredDecoder.INSTANCE;
    }
}
