package sdae.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import sdae.data.CenterFit;
import sdae.eval.Features;
import sdae.io.UserError;
import sdae.model.Encoder;
import sdae.model.ModelSpec;
import sdae.model.Objective;
import sdae.report.Figure;
import sdae.report.HtmlReport;
import sdae.report.ImageBatch;
import sdae.report.Pictures;
import sdae.report.RunData;
import sdae.report.Sheet;
import sdae.tensor.Arena;
import sdae.tensor.Philox;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.PatchMask;
import sdae.train.Masks;

/** Puts a report together: what the run folders hold, and pictures drawn with their last checkpoints. */
final class Reporter {
    private static final int IMAGES = 8;

    private final List<Path> folders;

    Reporter(List<Path> folders) {
        this.folders = folders;
    }

    /** Writes the page; returns its path. */
    Path write(Path out) throws IOException {
        List<RunData> runs = new ArrayList<>();
        List<Figure> figures = new ArrayList<>();
        for (Path folder : folders) {
            RunData run = RunData.read(folder);
            runs.add(run);
            String prefix = folders.size() > 1 ? run.name() + ": " : "";
            try (LoadedRun loaded = LoadedRun.open(folder)) {
                draw(prefix, loaded, figures);
            } catch (UserError | IllegalArgumentException e) {
                System.err.println("no pictures of " + folder + ": " + e.getMessage());
            }
        }
        HtmlReport.write(out, runs, figures);
        return out;
    }

    private static void draw(String prefix, LoadedRun run, List<Figure> figures) {
        ModelSpec spec = run.config().model();
        int[] chosen = run.data().test().evenly(IMAGES);
        CenterFit fit =
                new CenterFit(spec.imageHeight(), spec.imageWidth(), run.data().normalization());
        float[] values = new float[chosen.length * fit.outputSize()];
        for (int i = 0; i < chosen.length; i++) {
            var image = run.data().test().read(chosen[i]).withChannels(spec.channels());
            fit.apply(image, values, i * fit.outputSize(), null);
        }
        ImageBatch images = new ImageBatch(
                values,
                spec.channels(),
                spec.imageHeight(),
                spec.imageWidth(),
                run.data().normalization().mean(),
                run.data().normalization().std());
        try (Arena arena = new Arena(run.backend());
                Tape tape = arena.open()) {
            Tensor batch = tape.of(values, chosen.length, spec.channels(), spec.imageHeight(), spec.imageWidth());
            PatchMask mask = Masks.draw(run.config(), tape, Philox.Purpose.EVALUATION, 0, chosen);
            figures.add(new Figure(
                    prefix + "What the networks see",
                    "Top: the image. Middle: the patches that the student sees. Bottom: the masked patches, whose "
                            + "features it predicts, coloured by the fold that the teacher sees them in.",
                    Pictures.maskGrid(
                            images,
                            mask.idsKeep().toInts(),
                            mask.idsMasked().toInts(),
                            run.config().patches().folds(),
                            spec.patch()),
                    chosen.length + " evaluation images with their visible patches and the teacher's folds"));
            figures.add(new Figure(
                    prefix + "What the features tell apart",
                    "The first three principal components of the patch features, over all these images, as red, green and"
                            + " blue: patches of one colour have like features.",
                    new Sheet(maps(run, tape, batch, images, spec)),
                    "Images and colour maps of their patch features"));
            if (run.config().objective() instanceof Objective.Mae mae) {
                Tensor latent = tape.scoped(() -> run.model().encoder().infer(tape, batch, mask.idsKeep(), 1));
                float[] pred = Features.patchTokens(
                        tape.scoped(() -> run.model().decoder().forwardAll(latent, mask)));
                figures.add(new Figure(
                        prefix + "Reconstruction",
                        "Image, masked input, and the prediction pasted into the masked patches"
                                + (mae.normPix() ? " (with each patch's own mean and contrast)." : "."),
                        Pictures.reconstruction(images, pred, mask.idsMasked().toInts(), spec.patch(), mae.normPix()),
                        "Reconstructed evaluation images"));
            }
        }
    }

    private static List<Sheet.Row> maps(LoadedRun run, Tape tape, Tensor batch, ImageBatch images, ModelSpec spec) {
        List<Sheet.Row> rows = new ArrayList<>(List.of(Pictures.images("image", images)));
        rows.add(map("student", run.model().encoder(), tape, batch, spec));
        if (run.model().teacher() != null) {
            rows.add(map("teacher", run.model().teacherEncoder(), tape, batch, spec));
        }
        return rows;
    }

    private static Sheet.Row map(String caption, Encoder encoder, Tape tape, Tensor batch, ModelSpec spec) {
        float[] tokens = Features.patchTokens(encoder.infer(tape, batch, null, 1));
        return Pictures.pcaMap(caption, tokens, spec.width(), spec.gridRows(), spec.gridCols(), Pictures.TILE, false);
    }
}
