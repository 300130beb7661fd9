package sdae.train;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import sdae.io.CsvLog;
import sdae.io.Disk;
import sdae.io.TensorBoardWriter;

/** The curves of a run on disk: metrics.csv, evals.csv and TensorBoard events. */
final class Curves implements AutoCloseable {
    private static final List<String> METRICS =
            List.of("epoch", "loss", "lr", "momentum", "weight_decay", "grad_norm", "images_per_s", "seconds");

    private final List<String> evalColumns;
    private final CsvLog metrics;
    private final CsvLog evals;
    private final TensorBoardWriter board;

    /**
     * Opens the files, for a run that goes on after step {@code done}.
     *
     * @param evalColumns of evals.csv after the step; the first is the epoch
     * @param ended whether that was the last step: then its evaluation is forgotten, to be made again, because no checkpoint
     *     holds all that the summary says of it
     */
    Curves(Disk disk, Path folder, List<String> evalColumns, long done, boolean ended) throws IOException {
        this.evalColumns = evalColumns;
        long kept = done == 0 ? -1 : done;
        metrics = CsvLog.open(disk, folder.resolve("metrics.csv"), METRICS, kept);
        evals = CsvLog.open(disk, folder.resolve("evals.csv"), evalColumns, ended ? done - 1 : kept);
        board = TensorBoardWriter.open(disk, folder, kept + 1, Clock.systemUTC());
    }

    /** Whether there is an evaluation after that step. */
    boolean evaluated(long step) {
        return evals.lastStep() == step;
    }

    /** Adds an evaluation; what has no value is an empty cell. */
    void evaluation(long step, double epoch, Map<String, Double> values) throws IOException {
        Object[] row = new Object[evalColumns.size()];
        Arrays.setAll(row, i -> values.get(evalColumns.get(i)));
        row[0] = epoch;
        evals.append(step, row);
        board.scalars(step, values);
    }

    /**
     * Adds a step.
     *
     * @param rate images a second, smoothed
     * @param seconds of training so far
     */
    void step(Task.Step step, double epoch, double rate, double seconds) throws IOException {
        boolean moved = step.momentum() >= 0;
        metrics.append(
                step.number(),
                epoch,
                step.loss(),
                step.learningRate(),
                moved ? step.momentum() : null,
                step.weightDecay(),
                step.gradientNorm(),
                rate,
                seconds);
        board.scalars(
                step.number(),
                Map.of(
                        "loss",
                        step.loss(),
                        "lr",
                        step.learningRate(),
                        "grad_norm",
                        step.gradientNorm(),
                        "images_per_s",
                        rate));
    }

    @Override
    public void close() throws IOException {
        try (metrics;
                evals;
                board) {
            // closes all three, whatever one of them throws
        }
    }
}
