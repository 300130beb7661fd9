package sdae.bench;

import java.util.List;
import java.util.Map;
import sdae.data.ImageDecoder;
import sdae.data.NativeBuffer;
import sdae.data.Normalization;
import sdae.data.RandomResizedCrop;
import sdae.tensor.Philox;

/**
 * What a loader's worker does for one image: JPEG in memory, decoded, a random box of it resized (area 20 to 100 %), mirrored
 * half of the time, normalised. One thread, as each worker is.
 */
final class LoadWork implements Work {
    private final List<byte[]> files;
    private final ImageDecoder decoder = ImageDecoder.preferred();
    private final RandomResizedCrop crop;
    private final NativeBuffer pixels = new NativeBuffer();
    private final float[] out;
    private int runs;

    LoadWork(Case timed) {
        int side = timed.size("side");
        files = Pictures.jpegs(timed);
        crop = new RandomResizedCrop(side, side, Normalization.imageNet(), Pictures.MIN_AREA, 1);
        out = new float[crop.outputSize()];
    }

    @Override
    public void run() {
        int i = runs++;
        crop.apply(
                decoder.decode(files.get(i % Pictures.COUNT), "picture " + i % Pictures.COUNT, pixels),
                out,
                0,
                new Philox(3, Philox.Purpose.CROP, 0, i));
    }

    @Override
    public Map<String, double[]> outputs() {
        double[] pixels = new double[out.length];
        for (int i = 0; i < out.length; i++) {
            pixels[i] = out[i];
        }
        return Map.of("pixels", pixels);
    }

    @Override
    public void close() {}
}
