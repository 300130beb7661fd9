package sdae.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The checkpoints of a run: folders {@code checkpoints/step-0000001234} with safetensors files and {@code state.json}.
 *
 * <p>{@code state.json} holds the format version, the step, the caller's counters, SHA-256 and size of each file, CRC-32C
 * of each tensor, and a SHA-256 of itself. The newest is the one with the highest step, whatever the clocks said. With a
 * {@link RunLock} the store may write, set bad checkpoints aside and clean up; without, it only reads.
 */
public final class CheckpointStore {
    private static final int FORMAT = 1;
    private static final Pattern NAME = Pattern.compile("step-(\\d{10})");

    /** A verified checkpoint; {@code state} is what the caller gave to {@link #save}. */
    public record Checkpoint(Path folder, long step, JsonNode state) {
        /** The path of one of its files. */
        public Path file(String name) {
            return folder.resolve(name);
        }
    }

    private final Disk disk;
    private final Path folder;
    private final int keep;
    private final RunLock lock;
    private final Consumer<String> warn;

    private CheckpointStore(Disk disk, Path run, int keep, RunLock lock, Consumer<String> warn) {
        this.disk = disk;
        this.folder = run.toAbsolutePath().normalize().resolve("checkpoints");
        this.keep = keep;
        this.lock = lock;
        this.warn = warn;
    }

    /** The store of a run that this process has locked; makes its folder and deletes what a crash left unfinished. */
    public static CheckpointStore open(Disk disk, Path run, int keep, RunLock lock, Consumer<String> warn)
            throws IOException {
        if (keep < 2) {
            throw new IllegalArgumentException("checkpoints: keep must be at least 2, but is " + keep);
        }
        if (!lock.holds(run)) {
            throw new IllegalStateException("checkpoints: " + run + " is not locked by this process");
        }
        CheckpointStore store = new CheckpointStore(disk, run, keep, lock, warn);
        if (Files.isDirectory(store.folder)) {
            // whoever made it, or renamed its newest checkpoint, may have been killed before the names were durable
            disk.fsyncFolder(store.folder.getParent());
            disk.fsyncFolder(store.folder);
        } else {
            AtomicFolder.createFolders(disk, store.folder);
        }
        store.cleanStale();
        return store;
    }

    /** The store of any run, for reading; changes nothing. */
    public static CheckpointStore readOnly(Path run, Consumer<String> warn) {
        return new CheckpointStore(Disk.real(), run, 2, null, warn);
    }

    /** Steps that have a checkpoint, newest first; not verified. */
    public List<Long> steps() throws IOException {
        List<Long> steps = new ArrayList<>();
        for (Path entry : entries()) {
            var name = NAME.matcher(entry.getFileName().toString());
            if (name.matches()) {
                steps.add(Long.parseLong(name.group(1)));
            }
        }
        steps.sort(Collections.reverseOrder());
        return steps;
    }

    /**
     * Saves a checkpoint and then deletes all but the newest. On return it survives a power cut; on an {@link
     * IOException} the older ones are untouched and the caller may train on and try again.
     *
     * @param files file name to content, like {@code student.safetensors}
     * @param state counters and whatever else resuming needs
     */
    public Checkpoint save(long step, Map<String, SafetensorsWriter> files, Map<String, ?> state) throws IOException {
        if (lock == null) {
            throw new IllegalStateException("checkpoints: this store was opened for reading");
        }
        Path target = folder.resolve(String.format("step-%010d", step));
        long bytes =
                files.values().stream().mapToLong(SafetensorsWriter::dataBytes).sum();
        try {
            if (Files.exists(target)) {
                Optional<Checkpoint> same = verified(step);
                if (same.isPresent()) {
                    disk.fsyncFolder(folder);
                    return same.get();
                }
            }
            AtomicFolder.write(disk, target, out -> write(out, step, files, state));
        } catch (IOException e) {
            throw new IOException("checkpoint at step " + step + " failed: " + reason(e, bytes), e);
        }
        prune();
        return new Checkpoint(target, step, Json.tree(state));
    }

    /**
     * The newest checkpoint whose checksums hold. A bad one is reported, and set aside as {@code *.corrupt} if the run
     * is locked. Empty only if there never was a checkpoint; if there are only bad ones, a {@link UserError}: training
     * never silently starts from scratch.
     */
    public Optional<Checkpoint> latestGood() throws IOException {
        for (long step : steps()) {
            Optional<Checkpoint> good = verified(step);
            if (good.isPresent()) {
                return good;
            }
        }
        for (Path entry : entries()) {
            String name = entry.getFileName().toString();
            if (name.contains(".corrupt") || NAME.matcher(name).matches()) {
                throw new UserError(
                        ExitCode.CHECKPOINT,
                        "no good checkpoint in " + Printable.of(folder.toString())
                                + ", only damaged ones; restore one from a backup, or start a new run in another folder");
            }
        }
        return Optional.empty();
    }

    /**
     * Checks that the folder takes a file, an fsync and a rename, and has room for three checkpoints; a {@link
     * UserError} with {@link ExitCode#DISK} that names the trouble if not.
     */
    public void preflight(long checkpointBytes) throws IOException {
        Path probe = folder.resolve(AtomicFolder.TEMPORARY + "probe");
        try {
            AtomicFolder.writeFile(disk, probe, new byte[] {1});
            disk.delete(probe);
        } catch (IOException e) {
            throw new UserError(
                    ExitCode.DISK, "cannot write in " + Printable.of(folder.toString()) + ": " + reason(e, 0), e);
        }
        long free = freeBytes();
        if (free < 3 * checkpointBytes) {
            throw new UserError(
                    ExitCode.DISK,
                    "disk too full in " + Printable.of(folder.toString()) + ": three checkpoints need "
                            + megabytes(3 * checkpointBytes) + ", free are " + megabytes(free));
        }
    }

    private static void write(AtomicFolder out, long step, Map<String, SafetensorsWriter> files, Map<String, ?> state)
            throws IOException {
        Map<String, Object> written = new LinkedHashMap<>();
        for (Map.Entry<String, SafetensorsWriter> file : files.entrySet()) {
            written.put(file.getKey(), out.file(file.getKey(), file.getValue()::writeTo));
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("format", FORMAT);
        json.put("step", step);
        json.put("state", state);
        json.put("files", written);
        ObjectNode tree = (ObjectNode) Json.parse(Json.compact(json));
        tree.put(CheckpointFaults.SELF, Hashes.ofText(Json.compact(tree)));
        byte[] text = Json.pretty(tree).getBytes(StandardCharsets.UTF_8);
        out.file(CheckpointFaults.STATE, file -> {
            file.write(ByteBuffer.wrap(text));
            return text.length;
        });
    }

    /** The checkpoint if its checksums hold; a disk that cannot be read is an {@link IOException}, not damage. */
    private Optional<Checkpoint> verified(long step) throws IOException {
        Path checkpoint = folder.resolve(String.format("step-%010d", step));
        String fault;
        try {
            ObjectNode tree = CheckpointFaults.state(checkpoint);
            int format = tree.path("format").asInt(0);
            if (format > FORMAT) {
                throw new UserError(
                        ExitCode.CHECKPOINT,
                        Printable.of(checkpoint.toString()) + " is of format " + format + ", this version reads up to "
                                + FORMAT + ": upgrade");
            }
            CheckpointFaults.check(checkpoint, tree.path("files"));
            return Optional.of(new Checkpoint(checkpoint, step, tree.path("state")));
        } catch (CheckpointFaults.Damaged e) {
            fault = e.getMessage();
        }
        String message = "checkpoint at step " + step + " is damaged (" + fault + ")";
        if (lock == null) {
            warn.accept(message + "; trying the one before it");
        } else {
            warn.accept(
                    message + "; set aside as " + setAside(checkpoint).getFileName() + ", trying the one before it");
        }
        return Optional.empty();
    }

    private Path setAside(Path checkpoint) throws IOException {
        Path aside = checkpoint.resolveSibling(checkpoint.getFileName() + ".corrupt");
        for (int i = 2; Files.exists(aside); i++) {
            aside = checkpoint.resolveSibling(checkpoint.getFileName() + ".corrupt-" + i);
        }
        disk.rename(checkpoint, aside);
        disk.fsyncFolder(folder);
        return aside;
    }

    /** Failing to delete an old checkpoint loses nothing, so it is a warning; the next save tries again. */
    private void prune() {
        try {
            List<Long> steps = steps();
            for (long step : steps.subList(Math.min(keep, steps.size()), steps.size())) {
                Path old = folder.resolve(String.format("step-%010d", step));
                disk.rename(old, old.resolveSibling(AtomicFolder.TEMPORARY + old.getFileName()));
            }
            if (steps.size() > keep) {
                disk.fsyncFolder(folder); // else a power cut could leave part of one under its final name
            }
            cleanStale();
        } catch (IOException e) {
            warn.accept("cannot delete an old checkpoint: " + reason(e, 0));
        }
    }

    private void cleanStale() throws IOException {
        for (Path entry : entries()) {
            if (entry.getFileName().toString().startsWith(AtomicFolder.TEMPORARY)) {
                AtomicFolder.deleteTree(disk, entry);
            }
        }
    }

    private List<Path> entries() throws IOException {
        return Files.isDirectory(folder) ? disk.list(folder) : List.of();
    }

    private String reason(IOException e, long bytes) {
        String text = String.valueOf(e.getMessage());
        if (!text.contains("No space left") && !text.contains("quota exceeded")) {
            return Printable.of(e.getClass().getSimpleName() + ": " + text);
        }
        return "disk full (needs " + megabytes(bytes) + ", free are " + megabytes(freeBytes()) + ")";
    }

    /** Not by the file store: Java finds none where the root has no line in the table of mounts, as under chroot. */
    private long freeBytes() {
        return folder.toFile().getUsableSpace();
    }

    private static String megabytes(long bytes) {
        return (bytes + 999_999) / 1_000_000 + " MB";
    }
}
