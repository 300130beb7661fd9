package sdae.eval;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.SafetensorsReader;
import sdae.io.UserError;

/**
 * The sizes of a vision transformer as its tensors tell them. The number of heads has no trace in any shape: it comes from
 * the file's metadata, or from the published model of that width. Mean and std of the pixels are in the metadata or unknown,
 * which is null.
 */
record Architecture(
        int channels,
        int patch,
        int width,
        int depth,
        int mlpWidth,
        int gridRows,
        int gridCols,
        int heads,
        String mean,
        String std) {
    /** Width to heads: DeiT and ViT, tiny to huge (Touvron et al. 2021, Dosovitskiy et al. 2021). */
    private static final Map<Integer, Integer> PUBLISHED = Map.of(192, 3, 384, 6, 768, 12, 1024, 16, 1280, 16);

    /** Reads a file's header. @throws UserError (exit 4) if that is no such transformer */
    static Architecture of(Path file) throws IOException {
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            for (String name : List.of("patch_embed.proj.weight", "pos_embed", "blocks.0.mlp.fc1.weight")) {
                if (!reader.has(name)) {
                    throw bad(file, "has no " + name + ", so it is no encoder under timm's names");
                }
            }
            long[] patches = reader.shape("patch_embed.proj.weight");
            long[] positions = reader.shape("pos_embed");
            long[] fc1 = reader.shape("blocks.0.mlp.fc1.weight");
            if (patches.length != 4 || patches[2] != patches[3] || positions.length != 3 || fc1.length != 2) {
                throw bad(file, "has a patch projection, positions or MLP of an unknown shape");
            }
            int[] grid = WeightsFile.grid(reader);
            if (grid == null) {
                throw bad(file, (positions[1] - 1) + " positions are no square; give --set image.size=HxW");
            }
            int depth = 0;
            while (reader.has("blocks." + depth + ".norm1.weight")) {
                depth++;
            }
            int width = Math.toIntExact(patches[0]);
            String said = reader.metadata().get(WeightsFile.HEADS);
            int heads = said != null && said.matches("[1-9]\\d{0,3}")
                    ? Integer.parseInt(said)
                    : PUBLISHED.getOrDefault(width, 0);
            return new Architecture(
                    Math.toIntExact(patches[1]),
                    Math.toIntExact(patches[2]),
                    width,
                    depth,
                    Math.toIntExact(fc1[0]),
                    grid[0],
                    grid[1],
                    heads,
                    reader.metadata().get(WeightsFile.MEAN),
                    reader.metadata().get(WeightsFile.STD));
        }
    }

    /** As {@code key=value}; without what nothing tells. */
    List<String> settings() {
        List<String> settings = new ArrayList<>(List.of(
                "in_chans=" + channels,
                "image.size=" + gridRows * patch + "x" + gridCols * patch,
                "model.patch=" + patch,
                "model.width=" + width,
                "model.depth=" + depth,
                "model.mlp_ratio=" + (double) mlpWidth / width));
        if (heads > 0) {
            settings.add("model.heads=" + heads);
        }
        if (mean != null && std != null) {
            settings.add("data.mean=" + mean);
            settings.add("data.std=" + std);
        }
        return settings;
    }

    private static UserError bad(Path file, String why) {
        return new UserError(ExitCode.CHECKPOINT, "weights " + Printable.of(file.toString()) + ": " + why);
    }
}
