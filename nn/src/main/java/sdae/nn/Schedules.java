package sdae.nn;

/** Learning rates, EMA momenta, layer decay and drop-path rates as functions of progress; all in double. */
public final class Schedules {
    private Schedules() {}

    /**
     * Linear from 0 to peak over the warm-up, then half a cosine to min (SdAE lr_sched; argument in fractional epochs). A
     * warm-up as long as the run ends at peak.
     */
    public static double warmupCosine(double epoch, double peak, double min, double warmup, double epochs) {
        if (epoch < warmup) {
            return peak * epoch / warmup;
        }
        double left = epochs > warmup ? (epoch - warmup) / (epochs - warmup) : 0;
        return min + (peak - min) * 0.5 * (1 + Math.cos(Math.PI * left));
    }

    /** Half a cosine from start to end over [0, 1]. */
    public static double cosine(double progress, double start, double end) {
        return end + (start - end) * 0.5 * (1 + Math.cos(Math.PI * progress));
    }

    /**
     * The EMA momentum of each epoch: an evenly spaced line of {@code warmup} entries from warmupStart to start, both ends
     * included, then a half cosine from start towards end.
     */
    public static double[] momentum(double start, double end, int epochs, int warmup, double warmupStart) {
        double[] table = new double[epochs];
        for (int e = 0; e < epochs; e++) {
            table[e] = e < warmup
                    ? (warmup == 1 ? warmupStart : warmupStart + (start - warmupStart) * e / (warmup - 1))
                    : cosine((double) (e - warmup) / (epochs - warmup), start, end);
        }
        return table;
    }

    /** The per-update momentum whose teacher forgets half in {@code halfLife} updates. */
    public static double halfLifeMomentum(double halfLife) {
        return Math.pow(0.5, 1 / halfLife);
    }

    /** Layer-wise lr scale: decay^(depth + 1 - layer); layer 0 the embedding, i + 1 block i, depth + 1 norm and head. */
    public static double layerScale(int layer, int depth, double decay) {
        return Math.pow(decay, depth + 1 - layer);
    }

    /** The layer id of a ViT parameter name, for {@link #layerScale}. */
    public static int layer(String name, int depth) {
        if (name.equals("cls_token") || name.equals("pos_embed") || name.startsWith("patch_embed.")) {
            return 0;
        }
        if (name.startsWith("blocks.")) {
            int end = name.indexOf('.', "blocks.".length());
            return Integer.parseInt(name.substring("blocks.".length(), end)) + 1;
        }
        return depth + 1;
    }

    /** Drop probability of block i of depth: linear from 0 to rate. */
    public static double dropPath(int block, int depth, double rate) {
        return depth == 1 ? 0 : rate * block / (depth - 1);
    }
}
