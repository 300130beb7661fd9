package sdae.bench.peers;

import static org.bytedeco.opencv.global.opencv_core.CV_32F;
import static org.bytedeco.opencv.global.opencv_core.CV_32FC1;
import static org.bytedeco.opencv.global.opencv_core.CV_8UC1;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_COLOR_RGB;
import static org.bytedeco.opencv.global.opencv_imgproc.INTER_LINEAR;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.global.opencv_imgproc;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Rect;
import org.bytedeco.opencv.opencv_core.Size;
import sdae.bench.Case;
import sdae.bench.Pictures;
import sdae.bench.Work;
import sdae.data.Normalization;
import sdae.tensor.Philox;

/**
 * JPEG in memory to a normalised crop in planes of floats: {@code imdecode} at full size, a random box (area 20 to 100 %,
 * aspect 3/4 to 4/3), {@code resize} with INTER_LINEAR, a flip half of the time, and each channel scaled and shifted. Linear is
 * OpenCV's default and its fastest; it does not smooth where it shrinks, as ours does.
 */
final class OpenCvWork implements Work {
    private final List<Mat> files = new ArrayList<>();
    private final Size size;
    private final Normalization normalization = Normalization.imageNet();
    private final FloatPointer out;
    private final List<Mat> planes = new ArrayList<>();
    private int runs;

    OpenCvWork(Case of) {
        opencv_core.setNumThreads(1);
        for (byte[] jpeg : Pictures.jpegs(of)) {
            files.add(new Mat(1, jpeg.length, CV_8UC1, new BytePointer(jpeg)));
        }
        int side = of.size("side");
        size = new Size(side, side);
        out = new FloatPointer(3L * side * side);
        for (int c = 0; c < 3; c++) {
            planes.add(new Mat(side, side, CV_32FC1, out.getPointer((long) c * side * side)));
        }
    }

    @Override
    @SuppressWarnings("try") // the scope works by being closed
    public void run() {
        Philox random = new Philox(3, Philox.Purpose.CROP, 0, runs);
        try (PointerScope scope = new PointerScope()) {
            Mat image = opencv_imgcodecs.imdecode(files.get(runs++ % files.size()), IMREAD_COLOR_RGB);
            boolean flipped = random.uniform() < 0.5;
            Mat resized = new Mat();
            opencv_imgproc.resize(
                    new Mat(image, box(image.cols(), image.rows(), random)), resized, size, 0, 0, INTER_LINEAR);
            if (flipped) {
                opencv_core.flip(resized, resized, 1);
            }
            Mat channel = new Mat();
            for (int c = 0; c < 3; c++) {
                opencv_core.extractChannel(resized, channel, c);
                double std = normalization.std()[c];
                channel.convertTo(
                        planes.get(c), CV_32F, 1 / (255 * std), -normalization.mean()[c] / std);
            }
        }
    }

    /** Ten tries for a box that fits, then all of the picture. */
    private static Rect box(int width, int height, Philox random) {
        double edge = Math.log(4.0 / 3);
        for (int i = 0; i < 10; i++) {
            double area = random.uniform(Pictures.MIN_AREA, 1) * width * height;
            double aspect = Math.exp(random.uniform(-edge, edge));
            int w = (int) Math.rint(Math.sqrt(area * aspect));
            int h = (int) Math.rint(Math.sqrt(area / aspect));
            if (w > 0 && w <= width && h > 0 && h <= height) {
                int y = random.below(height - h + 1);
                return new Rect(random.below(width - w + 1), y, w, h);
            }
        }
        return new Rect(0, 0, width, height);
    }

    @Override
    public Map<String, double[]> outputs() {
        double[] pixels = new double[Math.toIntExact(out.capacity())];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = out.get(i);
        }
        return Map.of("pixels", pixels);
    }

    @Override
    public void close() {
        planes.forEach(Mat::close);
        files.forEach(Mat::close);
        out.close();
    }
}
