package sdae.cli;

import picocli.CommandLine.Option;
import sdae.weights.Facts;
import sdae.weights.Sides;

/** What {@code export} and {@code import} must be told where a weights file does not tell it. */
final class FactOptions {
    @Option(names = "--heads", paramLabel = "N", description = "heads of the encoder, where the file does not tell")
    private int heads;

    @Option(names = "--decoder-heads", paramLabel = "N", description = "the same of the decoder")
    private int decoderHeads;

    @Option(
            names = "--grid",
            paramLabel = "RxC",
            converter = Words.OfSides.class,
            description = "rows and columns of patches, where the file does not tell")
    private Sides grid;

    Facts facts() {
        return new Facts(heads, decoderHeads, grid, null, null);
    }
}
