package sdae.look;

import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import sdae.data.ImageSource;
import sdae.eval.Backbone;
import sdae.eval.Features;
import sdae.model.ModelSpec;
import sdae.report.Figure;
import sdae.report.ImageBatch;
import sdae.report.Pictures;
import sdae.report.Sheet;
import sdae.tensor.Arena;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;

/** What one encoder sees in whole images: attention, principal components, neighbours. */
public final class EncoderFigures {
    private static final int BATCH = 16;
    private static final int PATCH_VALUES = 1 << 25;

    private final Backbone backbone;
    private final ModelSpec spec;
    private final String name;
    private final Looked looked;
    private final ImageBatch images;

    /** @param name of the network, for titles: student, teacher */
    public EncoderFigures(Backbone backbone, String name, Looked looked) {
        this.backbone = backbone;
        this.spec = backbone.spec();
        this.name = name;
        this.looked = looked;
        this.images = looked.batch();
    }

    private Tensor batch(Tape tape) {
        return tape.of(looked.values(), looked.count(), spec.channels(), spec.imageHeight(), spec.imageWidth());
    }

    /** Where the class token of each head looks; {@code block} from 0. */
    public Figure attention(int block) {
        double[][][] attention;
        try (Arena arena = new Arena(backbone.backend());
                Tape tape = arena.open()) {
            attention = Attention.ofClassToken(backbone.encoder().queriesKeysValues(tape, batch(tape), block));
        }
        List<Sheet.Row> rows = new ArrayList<>(List.of(Pictures.images("image", images)));
        double own = 0;
        for (int h = 0; h < spec.heads(); h++) {
            List<BufferedImage> tiles = new ArrayList<>();
            for (double[][] ofImage : attention) {
                double[] head = ofImage[h];
                double most = IntStream.range(1, head.length)
                        .mapToDouble(n -> head[n])
                        .max()
                        .orElse(0);
                own += head[0] / attention.length / spec.heads();
                tiles.add(Heat.map(head, 1, spec.gridRows(), spec.gridCols(), spec.patch(), most));
            }
            rows.add(new Sheet.Row("head " + (h + 1), tiles));
        }
        String words = String.format(
                Locale.ROOT,
                "Block %d of %d: how much of the class token's attention each patch gets, head by head; yellow is that"
                        + " head's most looked-at patch of the image, dark violet none. The class token keeps %.0f %% for"
                        + " itself on average.",
                block + 1,
                spec.depth(),
                100 * own);
        return new Figure(
                "Attention of the " + name, words, new Sheet(rows), "maps of attention over the patches of each image");
    }

    /** Patch tokens as colours, by their three strongest principal components. */
    public Sheet.Row components() {
        return components(name, patchTokens(looked));
    }

    /**
     * The same after the mean of each place in the grid over {@code some} images is taken away: the strongest components are
     * often those of the place, and this shows what the image adds.
     */
    public Sheet.Row componentsOfContent(ImageSource source, int[] some) {
        float[] tokens = patchTokens(looked);
        float[] others = patchTokens(Looked.of(source, some, spec, looked.normalization()));
        int image = spec.patches() * spec.width();
        for (int i = 0; i < image; i++) {
            double mean = 0;
            for (int n = 0; n < some.length; n++) {
                mean += others[n * image + i] / (double) some.length;
            }
            for (int n = 0; n < looked.count(); n++) {
                tokens[n * image + i] -= (float) mean;
            }
        }
        return components(name + ", the mean of each place taken away", tokens);
    }

    private Sheet.Row components(String caption, float[] tokens) {
        return Pictures.pcaMap(
                caption,
                tokens,
                spec.width(),
                spec.gridRows(),
                spec.gridCols(),
                Pictures.enlarge(images.image(0), Pictures.TILE).getWidth(),
                false);
    }

    /** The images of {@code bank} whose mean features are nearest, but for the image itself. */
    public Figure nearestImages(ImageSource source, int[] bank, int count) {
        float[] rows = means(source, bank);
        Neighbours.Found[] found = Neighbours.of(
                means(source, looked.ids()), rows, spec.width(), count, (q, r) -> bank[r] != looked.ids()[q]);
        List<Sheet.Row> sheet = new ArrayList<>(List.of(Pictures.images("image", images)));
        double agree = 0;
        double all = 0;
        for (int k = 0; k < found[0].rows().length; k++) {
            int[] ids = new int[found.length];
            double mean = 0;
            for (int q = 0; q < ids.length; q++) {
                ids[q] = bank[found[q].rows()[k]];
                mean += found[q].cosine()[k] / ids.length;
                agree += source.label(ids[q]) == source.label(looked.ids()[q]) ? 1 : 0;
                all++;
            }
            String caption = String.format(Locale.ROOT, "neighbour %d, cosine %.3f", k + 1, mean);
            sheet.add(Pictures.images(
                    caption,
                    Looked.of(source, ids, spec, looked.normalization()).batch()));
        }
        String words = "Below each image, those of " + bank.length + " others whose features (mean of the patch tokens)"
                + " have the largest cosine to its own; cosines are means over the row."
                + (source.classes().size() > 1
                        ? String.format(Locale.ROOT, " %.0f %% are of the image's class.", 100 * agree / all)
                        : "");
        return new Figure("Nearest images, " + name, words, new Sheet(sheet), "images and their nearest neighbours");
    }

    /** For the middle patch of each image, the patches of other images whose tokens are nearest. */
    public Figure nearestPatches(ImageSource source, int[] wanted, int count) {
        int patches = spec.patches();
        int limit = Math.max(2, Math.min(wanted.length, PATCH_VALUES / (patches * spec.width())));
        int[] bank = IntStream.range(0, Math.min(limit, wanted.length))
                .map(i -> wanted[(int) ((long) i * wanted.length / Math.min(limit, wanted.length))])
                .toArray();
        Looked all = Looked.of(source, bank, spec, looked.normalization());
        float[] tokens = patchTokens(all);
        float[] own = patchTokens(looked);
        int middle = spec.gridRows() / 2 * spec.gridCols() + spec.gridCols() / 2;
        int width = spec.width();
        float[] queries = new float[looked.count() * width];
        List<BufferedImage> tiles = new ArrayList<>();
        for (int q = 0; q < looked.count(); q++) {
            System.arraycopy(own, (q * patches + middle) * width, queries, q * width, width);
            tiles.add(Heat.framed(images.image(q), spec.gridCols(), spec.patch(), middle));
        }
        List<Sheet.Row> sheet = new ArrayList<>(List.of(new Sheet.Row("middle patch", tiles)));
        // One neighbour an image: otherwise a plain background fills all the rows.
        boolean[][] used = new boolean[looked.count()][bank.length];
        ImageBatch pictures = all.batch();
        for (int k = 0; k < Math.min(count, bank.length - 1); k++) {
            Neighbours.Found[] found = Neighbours.of(
                    queries, tokens, width, 1, (q, r) -> bank[r / patches] != looked.ids()[q] && !used[q][r / patches]);
            List<BufferedImage> row = new ArrayList<>();
            double mean = 0;
            for (int q = 0; q < found.length; q++) {
                int best = found[q].rows()[0];
                used[q][best / patches] = true;
                mean += found[q].cosine()[0] / found.length;
                row.add(Heat.framed(pictures.image(best / patches), spec.gridCols(), spec.patch(), best % patches));
            }
            sheet.add(new Sheet.Row(String.format(Locale.ROOT, "nearest %d, cosine %.3f", k + 1, mean), row));
        }
        return new Figure(
                "Nearest patches, " + name,
                "For the framed patch of each image, the framed patches of " + bank.length
                        + " other images whose tokens have the largest cosine to its own, one an image.",
                new Sheet(sheet),
                "images with a framed patch and the nearest patches of other images");
    }

    private float[] means(ImageSource source, int[] ids) {
        ImageSource some = source.subset(ids);
        try (FeatureStream stream =
                new FeatureStream(backbone, some, looked.normalization(), Tokens.MEAN, BATCH, null)) {
            float[] rows = new float[Math.multiplyExact(ids.length, spec.width())];
            stream.read(rows, rows.length);
            return rows;
        }
    }

    /** [n, L, D]. */
    private float[] patchTokens(Looked some) {
        float[] tokens = new float[Math.multiplyExact(some.count(), spec.patches() * spec.width())];
        try (Arena arena = new Arena(backbone.backend())) {
            for (int start = 0; start < some.count(); start += BATCH) {
                int count = Math.min(BATCH, some.count() - start);
                try (Tape tape = arena.open()) {
                    Tensor batch = tape.empty(
                                    sdae.tensor.DType.F32,
                                    count,
                                    spec.channels(),
                                    spec.imageHeight(),
                                    spec.imageWidth())
                            .set(some.values(), start * some.imageSize());
                    float[] part = Features.patchTokens(backbone.encoder().infer(tape, batch, null, 1));
                    System.arraycopy(part, 0, tokens, start * spec.patches() * spec.width(), part.length);
                }
            }
        }
        return tokens;
    }
}
