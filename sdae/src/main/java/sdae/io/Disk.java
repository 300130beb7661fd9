package sdae.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/**
 * Every call that durable writing needs, and no other, so that a test can record, fail or undo each of them.
 *
 * <p>A file is durable after {@link Out#fsync}; its name is durable after {@link #fsyncFolder} of its folder. A failed
 * fsync is never repeated: Linux may have marked the pages clean, so the caller throws the file away.
 */
public interface Disk {
    /** A file open for writing. */
    interface Out extends AutoCloseable {
        /** Writes all remaining bytes. */
        void write(ByteBuffer bytes) throws IOException;

        void fsync() throws IOException;

        @Override
        void close() throws IOException;
    }

    /** Makes one folder; its parent exists, it does not. */
    void createFolder(Path folder) throws IOException;

    /** Opens a file that does not exist yet. */
    Out create(Path file) throws IOException;

    /** Opens a file at its end, making it if missing. */
    Out append(Path file) throws IOException;

    /** Renames atomically within one file system; a file at the new name is replaced. */
    void rename(Path from, Path to) throws IOException;

    void fsyncFolder(Path folder) throws IOException;

    /** Deletes a file or an empty folder. */
    void delete(Path path) throws IOException;

    /** The entries of a folder, by name. */
    List<Path> list(Path folder) throws IOException;

    /** The disk of this machine. */
    static Disk real() {
        return new Real();
    }

    /** {@link Disk} by {@code java.nio}. */
    final class Real implements Disk {
        private Real() {}

        @Override
        public void createFolder(Path folder) throws IOException {
            Files.createDirectory(folder);
        }

        @Override
        public Out create(Path file) throws IOException {
            return new RealOut(FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
        }

        @Override
        public Out append(Path file) throws IOException {
            return new RealOut(FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND));
        }

        @Override
        public void rename(Path from, Path to) throws IOException {
            Files.move(from, to, StandardCopyOption.ATOMIC_MOVE);
        }

        @Override
        public void fsyncFolder(Path folder) throws IOException {
            try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }

        @Override
        public void delete(Path path) throws IOException {
            Files.delete(path);
        }

        @Override
        public List<Path> list(Path folder) throws IOException {
            try (Stream<Path> entries = Files.list(folder)) {
                return entries.sorted().toList();
            }
        }
    }

    /** A file channel that writes everything it is given. */
    record RealOut(FileChannel channel) implements Out {
        @Override
        public void write(ByteBuffer bytes) throws IOException {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        }

        @Override
        public void fsync() throws IOException {
            channel.force(true);
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }
}
