package sdae.data;

/** OpenCV if it loads, else Java. The natives are loaded at the first JPEG, not before: idx files and PNGs need none. */
final class PreferredDecoder implements ImageDecoder {
    static final PreferredDecoder INSTANCE = new PreferredDecoder();

    private static final class Holder {
        static final ImageDecoder DECODER = choose();
    }

    private PreferredDecoder() {}

    private static ImageDecoder choose() {
        try {
            return new OpenCvDecoder();
        } catch (LinkageError | RuntimeException e) {
            System.getLogger("sdae.data")
                    .log(
                            System.Logger.Level.WARNING,
                            "OpenCV cannot be loaded, JPEGs are decoded by Java (slower): " + e);
            return new JavaDecoder();
        }
    }

    @Override
    public RawImage decodeJpeg(JpegFile jpeg, String path, NativeBuffer memory) {
        return Holder.DECODER.decodeJpeg(jpeg, path, memory);
    }
}
