package sdae.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import sdae.data.BatchLoader;
import sdae.io.CheckpointStore.Checkpoint;
import sdae.io.Pace;
import sdae.io.SafetensorsWriter;

/** What a run trains: the step, its evaluation, and what a checkpoint holds. Folder, clock and order are the run's. */
interface Task extends AutoCloseable {
    /** What one update was like; {@code momentum} is negative or NaN where no teacher moved. */
    record Step(
            long number, double loss, double learningRate, double weightDecay, double momentum, double gradientNorm) {}

    /** A line or more about what will be trained. */
    List<String> describe(Plan plan);

    /** Weights before the first step. */
    void initialise() throws IOException;

    /** Batches from that micro step on. */
    BatchLoader loader(int epoch, int step);

    /** Update number {@code number} (from 1), on the loader's next batches. */
    Step step(long number, Plan plan, BatchLoader loader, boolean wantNorm);

    /** Whether the launches of a step are replayed, not made one by one. */
    boolean replays();

    /** Columns of evals.csv after the step; the first is the epoch. */
    List<String> evalColumns();

    /** Values by column; what does not apply is absent. A signal ends it by what {@link Pace#batch} throws. */
    Map<String, Double> evaluate(Pace pace);

    /** The values in a line, or null. */
    String evalLine(Map<String, Double> values);

    /** Notes what was measured before the first step, and measures what is asked only then. */
    void first(Map<String, Double> values, Map<String, Object> summary, Pace pace);

    /** Notes what was measured after the last one. */
    void last(Map<String, Double> values, Map<String, Object> summary);

    /** Names of summary values that a checkpoint must carry. */
    List<String> carried();

    /** Writes what a finished run leaves beside the usual files. */
    void finish(Path folder, Map<String, Object> summary) throws IOException;

    Map<String, SafetensorsWriter> files();

    /** Puts a checkpoint's state back; bit for bit what was saved. */
    void restore(Checkpoint checkpoint) throws IOException;

    /** Bytes of a checkpoint's tensors. */
    long checkpointBytes();

    /** Bytes of step memory. */
    long arenaBytes();

    @Override
    void close();
}
