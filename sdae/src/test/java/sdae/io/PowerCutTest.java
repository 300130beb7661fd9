package sdae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Cuts the power after every call of opening, saving, pruning and cleaning, and recovers from all that may be left. */
final class PowerCutTest {
    private static final int KEEP = 2;
    private static final int SAVES = 4;

    @TempDir
    Path folder;

    private final Disk unsynced = (Disk) Proxy.newProxyInstance(
            Disk.class.getClassLoader(),
            new Class<?>[] {Disk.class},
            (proxy, method, given) ->
                    method.getName().equals("fsyncFolder") ? null : method.invoke(Disk.real(), given));
    private final Map<String, byte[]> written = new TreeMap<>();
    private final Set<String> passed = new HashSet<>();
    private long committed;
    private int images;

    private void save(CheckpointStore store, long step) throws IOException {
        SafetensorsWriter weights = new SafetensorsWriter().add("a", new long[] {2}, new float[] {step, 0.5f * step});
        store.save(step, Map.of("w.safetensors", weights), Map.of("at", step));
        committed = step;
    }

    /** What each step's files must hold, from a run on which no power fails. */
    private void reference() throws IOException {
        Path run = Files.createTempDirectory(folder, "reference");
        try (RunLock lock = RunLock.acquire(run)) {
            CheckpointStore store = CheckpointStore.open(Disk.real(), run, 100, lock, text -> {});
            for (long step = 1; step <= SAVES + 1; step++) {
                save(store, step);
                for (Path file : Disk.real().list(run.resolve("checkpoints").resolve(name(step)))) {
                    written.put(name(step) + "/" + file.getFileName(), Files.readAllBytes(file));
                }
            }
        }
        committed = 0;
    }

    private static String name(long step) {
        return String.format("step-%010d", step);
    }

    private void trainOn(PowerCutDisk disk, Path run) throws IOException {
        try (RunLock lock = RunLock.acquire(run)) {
            CheckpointStore store = CheckpointStore.open(disk, run, KEEP, lock, text -> {});
            long from = store.latestGood().map(CheckpointStore.Checkpoint::step).orElse(0L);
            committed = from;
            for (long step = from + 1; step <= SAVES; step++) {
                save(store, step);
            }
        }
    }

    /** A disk that checks every image of itself after each of its calls. */
    private PowerCutDisk checked(Path run) {
        PowerCutDisk disk = new PowerCutDisk(run);
        disk.afterCall = () -> disk.forEachState(content -> {
            String image = committed + " " + PowerCutDisk.signature(content);
            if (!passed.contains(image)) {
                recover(content);
                passed.add(image);
            }
        });
        return disk;
    }

    private void recover(Map<String, byte[]> content) {
        images++;
        Path run = folder.resolve("image-" + images);
        String image = PowerCutDisk.signature(content);
        try {
            for (Map.Entry<String, byte[]> entry : content.entrySet()) {
                if (entry.getValue() == null) {
                    Files.createDirectory(run.resolve(entry.getKey()));
                } else {
                    Files.write(run.resolve(entry.getKey()), entry.getValue());
                }
            }
            List<String> warnings = new ArrayList<>();
            try (RunLock lock = RunLock.acquire(run)) {
                CheckpointStore store = CheckpointStore.open(unsynced, run, KEEP, lock, warnings::add);
                assertIntact(store, run, image);
                assertTrue(warnings.isEmpty(), () -> warnings + " " + image);
            }
            AtomicFolder.deleteTree(Disk.real(), run);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (UserError e) {
            throw new AssertionError(image, e);
        }
    }

    /** The newest is the last committed or whole one, as many as are kept are there, and none is part of one. */
    private void assertIntact(CheckpointStore store, Path run, String image) throws IOException {
        long latest = store.latestGood().map(CheckpointStore.Checkpoint::step).orElse(0L);
        assertTrue(latest == committed || latest == committed + 1, "step " + latest + " of " + image);
        List<Long> steps = store.steps();
        for (long step = Math.max(1, latest - KEEP + 1); step <= latest; step++) {
            assertTrue(steps.contains(step), "step " + step + " is lost: " + image);
        }
        Path checkpoints = run.resolve("checkpoints");
        for (Path entry : Disk.real().list(checkpoints)) {
            assertFalse(entry.getFileName().toString().startsWith(AtomicFolder.TEMPORARY), image);
            for (Path file : List.of(entry.resolve("state.json"), entry.resolve("w.safetensors"))) {
                assertTrue(Files.exists(file), () -> file + " is missing: " + image);
                assertArrayEquals(
                        written.get(checkpoints.relativize(file).toString()), Files.readAllBytes(file), image);
            }
        }
    }

    @Test
    void everyImageAfterAPowerCutHoldsTheLastCommittedCheckpoint() throws IOException {
        reference();
        Path run = Files.createTempDirectory(folder, "run");
        trainOn(checked(run), run);
        assertEquals(SAVES, committed);
        assertTrue(images > 100, "only " + images + " images");
    }

    @Test
    void powerCutAfterAKilledProcessWasRestartedLosesNothing() throws IOException {
        reference();
        boolean killed = true;
        for (int call = 1; killed; call++) {
            Path run = Files.createTempDirectory(folder, "run");
            committed = 0;
            PowerCutDisk disk = checked(run);
            disk.killAt = call;
            killed = false;
            try {
                trainOn(disk, run);
            } catch (PowerCutDisk.Killed e) {
                killed = true;
                trainOn(disk, run);
            }
            assertEquals(SAVES, committed);
        }
    }

    @Test
    void leavingOutAnyFsyncIsFound() throws IOException {
        reference();
        Path run = Files.createTempDirectory(folder, "run");
        PowerCutDisk whole = checked(run);
        trainOn(whole, run);
        assertTrue(whole.fsyncs > 4 * SAVES, whole.fsyncs + " fsyncs");
        for (int fsync = 1; fsync <= whole.fsyncs; fsync++) {
            Path harmed = Files.createTempDirectory(folder, "run");
            committed = 0;
            PowerCutDisk disk = checked(harmed);
            disk.skippedFsync = fsync;
            assertThrows(AssertionError.class, () -> trainOn(disk, harmed), "without fsync " + fsync);
        }
    }
}
