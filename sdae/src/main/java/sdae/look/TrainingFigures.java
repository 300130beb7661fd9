package sdae.look;

import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import sdae.config.Config;
import sdae.eval.Features;
import sdae.model.DropPath;
import sdae.model.ModelSpec;
import sdae.model.Objective;
import sdae.model.SdaeModel;
import sdae.report.Figure;
import sdae.report.ImageBatch;
import sdae.report.Pictures;
import sdae.report.Sheet;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.PatchMask;
import sdae.train.Masks;

/** What training asks of a model: masks and folds, and how near its predictions come. */
public final class TrainingFigures {
    private final Config config;
    private final SdaeModel model;
    private final Backend backend;
    private final Looked looked;
    private final ImageBatch images;

    public TrainingFigures(Config config, SdaeModel model, Backend backend, Looked looked) {
        this.config = config;
        this.model = model;
        this.backend = backend;
        this.looked = looked;
        this.images = looked.batch();
    }

    /** Masks and folds; then the heat map of cosines (SdAE) or reconstructions (MAE). */
    public List<Figure> figures() {
        List<Figure> figures = new ArrayList<>();
        ModelSpec spec = model.spec();
        try (Arena arena = new Arena(backend);
                Tape tape = arena.open()) {
            Tensor batch =
                    tape.of(looked.values(), looked.count(), spec.channels(), spec.imageHeight(), spec.imageWidth());
            PatchMask mask = Masks.draw(config, tape, Philox.Purpose.EVALUATION, 0, looked.ids());
            int[] masked = mask.idsMasked().toInts();
            Sheet masks = Pictures.maskGrid(
                    images, mask.idsKeep().toInts(), masked, config.patches().folds(), spec.patch());
            boolean distilled = model.objective() instanceof Objective.Sdae;
            figures.add(new Figure(
                    "Masks" + (distilled ? " and folds" : ""),
                    "The student sees a few patches of each image"
                            + (distilled
                                    ? "; the teacher sees the others, a colour a fold, and no fold sees another."
                                    : " and predicts the pixels of the others."),
                    distilled ? masks : new Sheet(masks.rows().subList(0, 2)),
                    "images with their visible and their masked patches"));
            if (model.objective() instanceof Objective.Mae mae) {
                Tensor latent = model.encoder().infer(tape, batch, mask.idsKeep(), 1);
                float[] pred =
                        Features.patchTokens(tape.scoped(() -> model.decoder().forwardAll(latent, mask)));
                figures.add(new Figure(
                        "Reconstruction",
                        "Image, what the student saw, and its prediction in the masked patches"
                                + (mae.normPix()
                                        ? "; it was trained on patches of mean 0 and variance 1, so each patch's true mean"
                                                + " and contrast are put back: they are not predicted."
                                        : "."),
                        Pictures.reconstruction(images, pred, masked, spec.patch(), mae.normPix()),
                        "images and their reconstructions"));
            } else {
                figures.add(cosines(tape, batch, mask, masks.rows().get(1)));
            }
        }
        return figures;
    }

    private Figure cosines(Tape tape, Tensor batch, PatchMask mask, Sheet.Row visible) {
        SdaeModel.Forward[] out = new SdaeModel.Forward[1];
        tape.scoped(() -> {
            out[0] = model.forward(batch, mask, DropPath.NONE);
            tape.keep(out[0].pred());
            tape.keep(out[0].teacherTokens());
            return out[0].loss();
        });
        Tensor target = tape.emptyLike(out[0].pred());
        backend.normalizeTarget(target, out[0].teacherTokens());
        int width = model.spec().width();
        float[] wanted = target.toFloats();
        float[] predicted = out[0].pred().toFloats();
        int used = mask.used();
        double[] cosines = new double[looked.count() * used];
        for (int i = 0; i < cosines.length; i++) {
            cosines[i] = Neighbours.cosine(predicted, i * width, wanted, i * width, width);
        }
        int[] ids = mask.idsMasked().toInts();
        List<BufferedImage> tiles = new ArrayList<>();
        for (int i = 0; i < looked.count(); i++) {
            double[] own = Arrays.copyOfRange(cosines, i * used, (i + 1) * used);
            tiles.add(Heat.over(images, i, model.spec().patch(), ids, i * used, own));
        }
        String words = String.format(
                Locale.ROOT,
                "The cosine between the student's prediction and the teacher's target at each masked patch: dark violet is 0"
                        + " or less, yellow 1; the patches that the student saw are grey. Mean %.3f. A high cosine alone is"
                        + " no merit: targets that are all alike are easy to predict.",
                Arrays.stream(cosines).average().orElse(0));
        return new Figure(
                "Prediction against target",
                words,
                new Sheet(List.of(
                        Pictures.images("image", images), visible, new Sheet.Row("cosine to the target", tiles))),
                "maps of the cosine between prediction and target");
    }
}
