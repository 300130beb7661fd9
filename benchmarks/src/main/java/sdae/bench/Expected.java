package sdae.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import sdae.tensor.check.Slot;

/** What cases must compute, in files: the naive reference takes longer than what it checks, and every process wants it. */
final class Expected implements AutoCloseable {
    private final Path folder;
    private final Map<String, Path> files = new LinkedHashMap<>();

    /** Computes and writes those of cases that have a reference, in parallel. */
    Expected(List<Case> cases) {
        try {
            folder = Files.createTempDirectory("sdae-bench");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        List<Case> different = new ArrayList<>();
        for (Case c : cases) {
            if (c.checked() != null && !files.containsKey(c.name())) {
                files.put(c.name(), folder.resolve("case" + files.size()));
                different.add(c);
            }
        }
        different.parallelStream().forEach(c -> write(c, files.get(c.name())));
    }

    /** The case's file, or null if it has no reference. */
    Path of(Case c) {
        return files.get(c.name());
    }

    private static List<Slot> written(Case c) {
        return c.slots().stream().filter(Slot::written).toList();
    }

    /** The written slots' values one after another. */
    private static void write(Case c, Path file) {
        Map<String, double[]> values = c.expected();
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            long at = 0;
            for (Slot slot : written(c)) {
                double[] of = values.get(slot.name());
                long bytes = (long) of.length * Double.BYTES;
                channel.map(FileChannel.MapMode.READ_WRITE, at, bytes)
                        .asDoubleBuffer()
                        .put(of);
                at += bytes;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Those that {@link #write} wrote. */
    static Map<String, double[]> read(Case c, Path file) {
        Map<String, double[]> values = new LinkedHashMap<>();
        try (FileChannel channel = FileChannel.open(file)) {
            long at = 0;
            for (Slot slot : written(c)) {
                double[] of = new double[slot.shape().count()];
                long bytes = (long) of.length * Double.BYTES;
                channel.map(FileChannel.MapMode.READ_ONLY, at, bytes)
                        .asDoubleBuffer()
                        .get(of);
                values.put(slot.name(), of);
                at += bytes;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return values;
    }

    @Override
    public void close() {
        try {
            for (Path file : files.values()) {
                Files.deleteIfExists(file);
            }
            Files.delete(folder);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
