package sdae.report;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntToDoubleFunction;

/** Figures of made-up images and features. */
final class FakePictures {
    static final int COUNT = 8;
    static final int SIDE = 28;
    static final int PATCH = 4;
    static final int PATCHES = 49;
    static final int KEEP = 12;

    private FakePictures() {}

    /** Normalised images [8, 1, 28, 28] of a shaded shape each. */
    static ImageBatch images() {
        float[] values = new float[COUNT * SIDE * SIDE];
        for (int i = 0; i < values.length; i++) {
            int image = i / (SIDE * SIDE);
            double y = (i / SIDE % SIDE - 13.5) / 14;
            double x = (i % SIDE - 13.5) / 14;
            double radius = Math.hypot(x * (1 + 0.1 * image), y) + 0.15 * Math.sin((2 + image) * Math.atan2(y, x));
            double pixel = radius < 0.75 ? 0.35 + 0.6 * (0.75 - radius) + 0.1 * Math.sin(9 * x) : 0.02;
            values[i] = (float) ((pixel - 0.286) / 0.353);
        }
        return new ImageBatch(values, 1, SIDE, SIDE, new float[] {0.286f}, new float[] {0.353f});
    }

    /** A random order of the patches of every image: [8, 49]. */
    static int[] order() {
        SplittableRandom random = new SplittableRandom(3);
        int[] order = new int[COUNT * PATCHES];
        for (int image = 0; image < COUNT; image++) {
            for (int i = 0; i < PATCHES; i++) {
                int j = random.nextInt(i + 1);
                order[image * PATCHES + i] = order[image * PATCHES + j];
                order[image * PATCHES + j] = i;
            }
        }
        return order;
    }

    /** Places [from, to) of every image's order. */
    static int[] part(int[] order, int from, int to) {
        int[] part = new int[COUNT * (to - from)];
        Arrays.setAll(part, i -> order[i / (to - from) * PATCHES + from + i % (to - from)]);
        return part;
    }

    static float[] tokens(int dim) {
        SplittableRandom random = new SplittableRandom(5);
        float[] tokens = new float[COUNT * PATCHES * dim];
        for (int i = 0; i < tokens.length; i++) {
            int patch = i / dim % PATCHES;
            double y = (patch / 7 - 3) / 3.0;
            double x = (patch % 7 - 3) / 3.0;
            int d = i % dim;
            double wave = Math.sin(d + 1.0) * x + Math.cos(2.0 * d) * y + Math.sin(3.0 * d) * Math.hypot(x, y);
            tokens[i] = (float) (wave + 0.2 * (random.nextDouble() - 0.5));
        }
        return tokens;
    }

    static float[] floats(int size, IntToDoubleFunction value) {
        float[] floats = new float[size];
        for (int i = 0; i < size; i++) {
            floats[i] = (float) value.applyAsDouble(i);
        }
        return floats;
    }

    /** The figures of a report. */
    static List<Figure> figures() {
        ImageBatch images = images();
        int[] order = order();
        int[] masked = part(order, KEEP, PATCHES);
        Sheet maps = new Sheet(List.of(
                Pictures.images("image", images),
                Pictures.pcaMap("student", tokens(24), 24, 7, 7, Pictures.TILE, false),
                Pictures.pcaMap("teacher", tokens(32), 32, 7, 7, Pictures.TILE, true)));
        float[] prediction = floats(COUNT * PATCHES * PATCH * PATCH, i -> Math.sin(i * 0.7));
        return List.of(
                new Figure(
                        "Mask and folds",
                        "The student sees a quarter of the patches; the teacher gets the others in three folds, which never"
                                + " see each other. Grey in the last row: visible to the student, or in no fold.",
                        Pictures.maskGrid(images, part(order, 0, KEEP), masked, 3, PATCH),
                        "eight grey images of 28 by 28 pixels with their mask"),
                new Figure(
                        "Feature maps",
                        "First three principal components of the patch features as red, green and blue, over all images"
                                + " together. Parts of one object should share a colour.",
                        maps,
                        "feature maps of eight images"),
                new Figure(
                        "Reconstruction",
                        "What the pixel head predicts in the masked patches.",
                        Pictures.reconstruction(images, prediction, masked, PATCH, true),
                        "eight images, masked and reconstructed"));
    }
}
