package sdae.look;

import java.util.stream.IntStream;
import sdae.data.CenterFit;
import sdae.data.ImageSource;
import sdae.data.Normalization;
import sdae.model.ModelSpec;
import sdae.report.ImageBatch;
import sdae.report.Pictures;
import sdae.report.Sheet;

/** The images that pictures are made of: chosen indices of a source, fitted to a network's input. */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record Looked(int[] ids, float[] values, ModelSpec spec, Normalization normalization) {

    /** Reads images of these indices. */
    public static Looked of(ImageSource source, int[] ids, ModelSpec spec, Normalization normalization) {
        CenterFit fit = new CenterFit(spec.imageHeight(), spec.imageWidth(), normalization);
        float[] values = new float[Math.multiplyExact(ids.length, fit.outputSize())];
        IntStream.range(0, ids.length)
                .parallel()
                .forEach(i -> fit.apply(
                        source.read(ids[i]).withChannels(spec.channels()), values, i * fit.outputSize(), null));
        return new Looked(ids, values, spec, normalization);
    }

    int count() {
        return ids.length;
    }

    /** For drawing. */
    ImageBatch batch() {
        return new ImageBatch(
                values,
                spec.channels(),
                spec.imageHeight(),
                spec.imageWidth(),
                normalization.mean(),
                normalization.std());
    }

    /** As they are. */
    public Sheet.Row row(String caption) {
        return Pictures.images(caption, batch());
    }

    /** Values of an image. */
    int imageSize() {
        return values.length / ids.length;
    }
}
