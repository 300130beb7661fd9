package sdae.data;

import static org.bytedeco.opencv.global.opencv_core.CV_8UC1;
import static org.bytedeco.opencv.global.opencv_core.CV_8UC3;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_COLOR_RGB;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_GRAYSCALE;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_IGNORE_ORIENTATION;
import static org.bytedeco.opencv.global.opencv_imgcodecs.imdecode;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.opencv_core.Mat;

/**
 * JPEG by OpenCV's libjpeg-turbo. It passes no warning on: damage that keeps the file's structure gives wrong pixels, not an
 * error. PNG is decoded as {@link ImageDecoder} says, without OpenCV.
 */
public final class OpenCvDecoder implements ImageDecoder {

    /** Larger images get an array: a worker must not hold on to the memory of the largest that it ever met. */
    private static final int MAX_IN_PLACE = 16 << 20;

    /** Loads the natives. @throws LinkageError where they cannot be loaded */
    public OpenCvDecoder() {
        Loader.load(opencv_imgcodecs.class);
        opencv_core.setNumThreads(1); // the loader's workers are the only parallelism
    }

    @Override
    public RawImage decodeJpeg(JpegFile jpeg, String path, NativeBuffer memory) {
        boolean grey = jpeg.components() == 1;
        int size = jpeg.height() * jpeg.width() * jpeg.components();
        boolean inPlace = memory != null && size <= MAX_IN_PLACE;
        PointerScope scope = new PointerScope(); // closes every pointer made below
        try (scope) {
            BytePointer bytes = new BytePointer(jpeg.length()).put(jpeg.bytes(), 0, jpeg.length());
            Mat file = new Mat(1, jpeg.length(), CV_8UC1, bytes);
            int type = grey ? CV_8UC1 : CV_8UC3;
            Mat target = new Mat();
            if (inPlace) {
                memory.reserve(size, Byte.BYTES);
                target = new Mat(jpeg.height(), jpeg.width(), type, new BytePointer(memory.bytes));
            }
            int flags = (grey ? IMREAD_GRAYSCALE : IMREAD_COLOR_RGB) | IMREAD_IGNORE_ORIENTATION;
            Mat image = imdecode(file, flags, target); // into a target of the right size, else into memory of its own
            if (image == null || image.empty() || image.type() != type || !image.isContinuous()) {
                throw new BadImageException(path, "OpenCV cannot decode it", "convert or remove it");
            }
            if (inPlace && image.data().address() == memory.address) {
                return new RawImage(jpeg.width(), jpeg.height(), jpeg.components(), memory.bytes.slice(0, size));
            }
            byte[] pixels = new byte[image.rows() * image.cols() * (grey ? 1 : 3)];
            image.data().capacity(pixels.length).get(pixels);
            return new RawImage(image.cols(), image.rows(), grey ? 1 : 3, pixels);
        } catch (BadImageException e) {
            throw e;
        } catch (RuntimeException e) { // a C++ exception with OpenCV's text
            throw new BadImageException(path, "OpenCV cannot decode it: " + e.getMessage(), "convert or remove it", e);
        }
    }
}
