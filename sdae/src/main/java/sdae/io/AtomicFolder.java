package sdae.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/**
 * Files and folders that appear whole or not at all, also across a power cut.
 *
 * <p>Order: write to a temporary name beside the target, fsync each file, fsync the temporary folder, rename, fsync the
 * parent. Only after the last step may a caller say that it is saved, or delete what it replaces.
 */
public final class AtomicFolder {
    /** Names that start so are unfinished; whoever holds the run's lock may delete them. */
    public static final String TEMPORARY = ".tmp-";

    /** Writes the files of a folder. */
    @FunctionalInterface
    public interface Content {
        void write(AtomicFolder folder) throws IOException;
    }

    /** Writes the bytes of one file. */
    @FunctionalInterface
    public interface Bytes<T> {
        T write(Disk.Out out) throws IOException;
    }

    private final Disk disk;
    private final Path folder;

    private AtomicFolder(Disk disk, Path folder) {
        this.disk = disk;
        this.folder = folder;
    }

    /** Adds a file, fsynced and closed on return; gives back what the body returned. */
    public <T> T file(String name, Bytes<T> body) throws IOException {
        return durable(disk, folder.resolve(name), body);
    }

    /** Writes {@code target}, which must not exist; on failure the temporary folder is deleted and nothing else changed. */
    public static void write(Disk disk, Path target, Content content) throws IOException {
        Path temporary = temporary(target);
        try {
            if (Files.exists(temporary, LinkOption.NOFOLLOW_LINKS)) {
                deleteTree(disk, temporary);
            }
            disk.createFolder(temporary);
            content.write(new AtomicFolder(disk, temporary));
            disk.fsyncFolder(temporary);
            disk.rename(temporary, target);
        } catch (IOException | RuntimeException e) {
            discard(disk, temporary, e);
            throw e;
        }
        disk.fsyncFolder(target.getParent());
    }

    /** Writes one file so that a crash leaves the old bytes or the new ones. */
    public static void writeFile(Disk disk, Path target, byte[] bytes) throws IOException {
        writeFile(disk, target, out -> {
            out.write(ByteBuffer.wrap(bytes));
            return bytes.length;
        });
    }

    /** The same for a file that is written piece by piece; gives back what the body returned. */
    public static <T> T writeFile(Disk disk, Path target, Bytes<T> body) throws IOException {
        Path temporary = temporary(target.toAbsolutePath());
        T result;
        try {
            if (Files.exists(temporary, LinkOption.NOFOLLOW_LINKS)) {
                disk.delete(temporary);
            }
            result = durable(disk, temporary, body);
            disk.rename(temporary, target.toAbsolutePath());
        } catch (IOException | RuntimeException e) {
            discard(disk, temporary, e);
            throw e;
        }
        disk.fsyncFolder(temporary.getParent());
        return result;
    }

    /** Makes the folder and its missing parents durably; does nothing if it exists. */
    public static void createFolders(Disk disk, Path folder) throws IOException {
        Path absolute = folder.toAbsolutePath().normalize();
        if (Files.isDirectory(absolute)) {
            return;
        }
        Path parent = absolute.getParent();
        if (parent != null) {
            createFolders(disk, parent);
        }
        disk.createFolder(absolute);
        if (parent != null) {
            disk.fsyncFolder(parent);
        }
    }

    /** Deletes a file or a folder with all it holds; links are deleted, not followed. */
    public static void deleteTree(Disk disk, Path path) throws IOException {
        if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            for (Path entry : disk.list(path)) {
                deleteTree(disk, entry);
            }
        }
        disk.delete(path);
    }

    private static Path temporary(Path target) {
        return target.resolveSibling(TEMPORARY + target.getFileName());
    }

    private static <T> T durable(Disk disk, Path file, Bytes<T> body) throws IOException {
        try (Disk.Out out = disk.create(file)) {
            T result = body.write(out);
            out.fsync();
            return result;
        }
    }

    private static void discard(Disk disk, Path temporary, Exception cause) {
        try {
            if (Files.exists(temporary, LinkOption.NOFOLLOW_LINKS)) {
                deleteTree(disk, temporary);
            }
        } catch (IOException e) {
            cause.addSuppressed(e);
        }
    }
}
