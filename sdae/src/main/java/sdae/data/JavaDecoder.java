package sdae.data;

import java.awt.image.BufferedImage;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Iterator;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.event.IIOReadWarningListener;
import javax.imageio.stream.ImageInputStream;
import javax.imageio.stream.MemoryCacheImageInputStream;

/** JPEG by the JDK's own reader, for machines where OpenCV does not load. Every warning of the reader is an error. */
public final class JavaDecoder implements ImageDecoder {

    @Override
    public RawImage decodeJpeg(JpegFile jpeg, String path, NativeBuffer memory) {
        Iterator<ImageReader> readers = ImageIO.getImageReadersByFormatName("jpeg");
        if (!readers.hasNext()) {
            throw new IllegalStateException(
                    "decode: this Java runtime has no JPEG reader (install the module java.desktop)");
        }
        ImageReader reader = readers.next();
        String[] warning = new String[1];
        try (ImageInputStream in = new MemoryCacheImageInputStream(new ByteArrayInputStream(jpeg.essential()))) {
            reader.setInput(in, true, true);
            IIOReadWarningListener listener = (source, text) -> warning[0] = text;
            reader.addIIOReadWarningListener(listener);
            BufferedImage image = reader.read(0);
            if (warning[0] != null) {
                throw new BadImageException(path, "damaged: " + warning[0], "fetch it again or remove it");
            }
            return copy(image.getRaster(), path);
        } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException e) {
            throw new BadImageException(path, "cannot be decoded: " + e.getMessage(), "convert or remove it", e);
        } finally {
            reader.dispose();
        }
    }

    /** Raw samples: getRGB would apply a colour conversion. */
    private static RawImage copy(Raster raster, String path) {
        int channels = raster.getNumBands();
        if (channels != 1 && channels != 3) {
            throw new BadImageException(path, channels + " colour components", "convert or remove it");
        }
        int width = raster.getWidth();
        byte[] pixels = new byte[Math.multiplyExact(width * raster.getHeight(), channels)];
        int[] row = new int[width * channels];
        for (int y = 0, o = 0; y < raster.getHeight(); y++) {
            raster.getPixels(0, y, width, 1, row);
            for (int sample : row) {
                pixels[o++] = (byte) sample;
            }
        }
        return new RawImage(width, raster.getHeight(), channels, pixels);
    }
}
