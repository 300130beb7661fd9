package sdae.eval;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.function.IntConsumer;
import javax.imageio.ImageIO;
import sdae.data.ImageSource;
import sdae.data.Normalization;
import sdae.io.AtomicFolder;
import sdae.io.Disk;
import sdae.model.Classifier;
import sdae.model.DropPath;
import sdae.model.ModelSpec;
import sdae.report.ConfusionPicture;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/** What a classifier makes of images seen whole, and its confusion on disk. */
public final class Classes {
    private Classes() {}

    /**
     * Over a whole source; every image alone decides its scores.
     *
     * @param onBatch told before each batch how many images it has; what it throws ends the work
     */
    public static Score score(
            Classifier classifier,
            Classifier.Pool pool,
            ModelSpec spec,
            Backend backend,
            ImageSource source,
            Normalization norm,
            IntConsumer onBatch) {
        int classes = source.classes().size();
        try (Arena arena = new Arena(backend)) {
            Features scores = Features.collect(source, Integer.MAX_VALUE, spec, norm, classes, onBatch, images -> {
                int count = images.length / (spec.channels() * spec.imageHeight() * spec.imageWidth());
                try (Tape tape = arena.open()) {
                    Tensor batch = tape.of(images, count, spec.channels(), spec.imageHeight(), spec.imageWidth());
                    return tape.scoped(() -> classifier.logits(classifier.features(batch, pool, DropPath.NONE)))
                            .toFloats();
                }
            });
            return Score.of(scores.rows(), scores.labels(), classes);
        }
    }

    /** Writes confusion.csv and confusion.png. */
    public static void write(Path folder, Score score, List<String> classes) throws IOException {
        Disk disk = Disk.real();
        AtomicFolder.writeFile(
                disk, folder.resolve("confusion.csv"), score.csv(classes).getBytes(StandardCharsets.UTF_8));
        ByteArrayOutputStream png = new ByteArrayOutputStream();
        ImageIO.write(ConfusionPicture.draw(score.confusion()), "png", png);
        AtomicFolder.writeFile(disk, folder.resolve("confusion.png"), png.toByteArray());
    }
}
