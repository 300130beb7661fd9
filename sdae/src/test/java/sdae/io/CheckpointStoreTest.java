package sdae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CheckpointStoreTest {
    @TempDir
    Path folder;

    private final List<String> warnings = new ArrayList<>();

    @FunctionalInterface
    private interface Body {
        void run(CheckpointStore store) throws IOException;
    }

    private void with(Disk disk, Path run, Body body) throws IOException {
        try (RunLock lock = RunLock.acquire(run)) {
            body.run(CheckpointStore.open(disk, run, 2, lock, warnings::add));
        }
    }

    private static void save(CheckpointStore store, long step) throws IOException {
        float[] values = {step, -step, 0.5f * step};
        SafetensorsWriter student = new SafetensorsWriter().add("a", new long[] {3}, values);
        SafetensorsWriter moments = new SafetensorsWriter().add("m", new long[] {1}, new double[] {step});
        store.save(step, new TreeMap<>(Map.of("s.safetensors", student, "o.safetensors", moments)), Map.of("at", step));
    }

    private void write(long... steps) throws IOException {
        with(Disk.real(), folder, store -> {
            for (long step : steps) {
                save(store, step);
            }
        });
    }

    private static String name(long step) {
        return String.format("step-%010d", step);
    }

    private Path checkpoint(long step) {
        return folder.resolve("checkpoints").resolve(name(step));
    }

    private static void flip(Path file, int at) throws IOException {
        byte[] bytes = Files.readAllBytes(file);
        bytes[at < 0 ? bytes.length + at : at] ^= 1;
        Files.write(file, bytes);
    }

    private long latest() throws IOException {
        long[] step = new long[1];
        with(
                Disk.real(),
                folder,
                store -> step[0] = store.latestGood().orElseThrow().step());
        return step[0];
    }

    @Test
    void newestIsTheHighestStepAndGivesBackItsState() throws IOException {
        write(3, 20, 100);
        var last = CheckpointStore.readOnly(folder, warnings::add).latestGood().orElseThrow();
        assertEquals(100, last.step());
        assertEquals(100, last.state().get("at").asLong());
        assertEquals(
                List.of(100L, 20L),
                CheckpointStore.readOnly(folder, warnings::add).steps());
        try (SafetensorsReader reader = SafetensorsReader.open(last.file("s.safetensors"))) {
            assertArrayEquals(new float[] {100, -100, 50}, reader.floats("a"));
        }
        assertTrue(warnings.isEmpty());
    }

    @Test
    void newRunHasNoCheckpoint() throws IOException {
        with(Disk.real(), folder, store -> assertTrue(store.latestGood().isEmpty()));
    }

    @Test
    void damagedNewestIsSetAsideAndTheOlderOneUsed() throws IOException {
        write(1, 2);
        flip(checkpoint(2).resolve("s.safetensors"), -1);
        assertEquals(1, latest());
        assertTrue(Files.isDirectory(checkpoint(2).resolveSibling(name(2) + ".corrupt")));
        assertFalse(Files.exists(checkpoint(2)));
        assertEquals(1, warnings.size());
        assertTrue(warnings.get(0).contains("step 2 is damaged (s.safetensors: checksum error in tensor a)"));
        write(2);
        flip(checkpoint(2).resolve("o.safetensors"), 12);
        assertEquals(1, latest());
        assertTrue(Files.isDirectory(checkpoint(2).resolveSibling(name(2) + ".corrupt-2")));
        assertTrue(warnings.get(1).contains("o.safetensors: checksum error in the header"));
    }

    @Test
    void everyKindOfDamageIsNamed() throws IOException {
        write(1, 2);
        byte[] state = Files.readAllBytes(checkpoint(2).resolve("state.json"));
        Path student = checkpoint(2).resolve("s.safetensors");
        byte[] bytes = Files.readAllBytes(student);
        assertNamed(
                "state.json: its text does not match",
                () -> Files.writeString(
                        checkpoint(2).resolve("state.json"),
                        new String(state, StandardCharsets.UTF_8).replace(": 2", ": 3")));
        write(2);
        assertNamed(
                "state.json: not valid JSON", () -> Files.write(checkpoint(2).resolve("state.json"), new byte[9]));
        write(2);
        assertNamed("state.json: ", () -> Files.write(checkpoint(2).resolve("state.json"), new byte[] {-1, -2}));
        write(2);
        assertNamed("state.json is missing", () -> Files.delete(checkpoint(2).resolve("state.json")));
        write(2);
        assertArrayEquals(state, Files.readAllBytes(checkpoint(2).resolve("state.json")));
        assertNamed("s.safetensors is missing", () -> Files.delete(student));
        write(2);
        assertNamed(
                "s.safetensors has " + (bytes.length - 1) + " bytes, not " + bytes.length,
                () -> Files.write(student, Arrays.copyOf(bytes, bytes.length - 1)));
    }

    @FunctionalInterface
    private interface Harm {
        void run() throws IOException;
    }

    private void assertNamed(String fault, Harm harm) throws IOException {
        harm.run();
        warnings.clear();
        assertEquals(1, latest());
        assertTrue(warnings.get(0).contains("damaged (" + fault), warnings.get(0));
    }

    @Test
    void onlyDamagedOnesStopTheRun() throws IOException {
        write(1, 2);
        flip(checkpoint(1).resolve("s.safetensors"), -1);
        flip(checkpoint(2).resolve("s.safetensors"), -1);
        for (int attempt = 0; attempt < 2; attempt++) {
            UserError error = assertThrows(UserError.class, this::latest);
            assertEquals(ExitCode.CHECKPOINT, error.code());
            assertTrue(error.getMessage().contains("no good checkpoint in "));
        }
    }

    @Test
    void readOnlyStoreChangesNothing() throws IOException {
        write(1, 2);
        flip(checkpoint(2).resolve("s.safetensors"), -1);
        assertEquals(
                1,
                CheckpointStore.readOnly(folder, warnings::add)
                        .latestGood()
                        .orElseThrow()
                        .step());
        assertTrue(Files.exists(checkpoint(2)));
    }

    /** {@code /proc/self/mem} is a regular file whose first page cannot be read: a true EIO. */
    @Test
    void unreadableDiskIsAnErrorAndSetsNothingAside() throws IOException {
        assumeTrue(Files.isRegularFile(Path.of("/proc/self/mem")), "needs /proc/self/mem");
        write(1, 2);
        Path state = checkpoint(2).resolve("state.json");
        Files.delete(state);
        Files.createSymbolicLink(state, Path.of("/proc/self/mem"));
        assertThrows(IOException.class, this::latest);
        assertTrue(Files.exists(checkpoint(2)));
        assertTrue(warnings.isEmpty());
    }

    @Test
    void newerFormatAsksForAnUpgrade() throws IOException {
        write(1);
        Path file = checkpoint(1).resolve("state.json");
        var tree = (tools.jackson.databind.node.ObjectNode) Json.read(file);
        tree.remove("self_sha256");
        tree.put("format", 2);
        tree.put("self_sha256", Hashes.ofText(Json.compact(tree)));
        Files.writeString(file, Json.pretty(tree));
        UserError error = assertThrows(UserError.class, this::latest);
        assertEquals(ExitCode.CHECKPOINT, error.code());
        assertTrue(error.getMessage().contains("is of format 2, this version reads up to 1: upgrade"));
    }

    @Test
    void fullDiskIsRefusedBeforeTraining() throws IOException {
        with(Disk.real(), folder, store -> {
            store.preflight(1);
            UserError error = assertThrows(UserError.class, () -> store.preflight(1L << 60));
            assertEquals(ExitCode.DISK, error.code());
            assertTrue(error.getMessage().contains("disk too full"));
        });
    }

    @Test
    void failingAnyCallLosesNothingAndTheNextSaveWorks() throws IOException {
        for (String fault : List.of("No space left on device", "Input/output error")) {
            for (boolean on : new boolean[] {false, true}) {
                int failing = 1;
                while (failsOneCall(failing, fault, on)) {
                    failing++;
                }
                assertTrue(failing > 20, "only " + failing + " calls were failed");
            }
        }
    }

    /** Whether a save of step 3 makes at least {@code nth} calls; checks what is left when that one fails. */
    private boolean failsOneCall(int nth, String fault, boolean on) throws IOException {
        Path run = Files.createTempDirectory(folder, "fail");
        PowerCutDisk disk = new PowerCutDisk(run);
        boolean[] reached = new boolean[1];
        with(disk, run, store -> {
            save(store, 1);
            save(store, 2);
            Map<String, byte[]> before = content(run);
            warnings.clear();
            disk.fault = fault;
            disk.failOn = on;
            disk.failAt = disk.calls + nth;
            try {
                save(store, 3);
                reached[0] = !warnings.isEmpty();
            } catch (IOException e) {
                reached[0] = true;
                assertTrue(e.getMessage().startsWith("checkpoint at step 3 failed: "), e.getMessage());
                assertEquals(fault.startsWith("No space"), e.getMessage().contains("disk full (needs 1 MB, free are "));
                Map<String, byte[]> after = content(run);
                before.forEach((path, bytes) -> assertArrayEquals(bytes, after.get(path), path));
            }
            disk.failAt = -1;
            save(store, 4);
            assertEquals(4, store.latestGood().orElseThrow().step());
            assertEquals(2, store.steps().size());
            try (Stream<Path> left = Files.list(run.resolve("checkpoints"))) {
                assertEquals(2, left.count(), "unfinished folders are left");
            }
        });
        return reached[0];
    }

    private static Map<String, byte[]> content(Path run) throws IOException {
        Map<String, byte[]> content = new TreeMap<>();
        try (Stream<Path> files = Files.walk(run.resolve("checkpoints"))) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                content.put(run.relativize(file).toString(), Files.readAllBytes(file));
            }
        }
        return content;
    }
}
