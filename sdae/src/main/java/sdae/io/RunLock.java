package sdae.io;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The right to write into a run folder: an operating-system lock on {@code run.lock}.
 *
 * <p>The system frees the lock when the process dies in whatever way, so there are no stale locks; the file stays and
 * its text (pid and host of the last holder) is for messages only.
 */
public final class RunLock implements AutoCloseable {
    private final Path folder;
    private final FileChannel channel;
    private final FileLock lock;

    private RunLock(Path folder, FileChannel channel, FileLock lock) {
        this.folder = folder;
        this.channel = channel;
        this.lock = lock;
    }

    /** Locks the folder, which must exist; {@link ExitCode#LOCKED} with pid and host of the holder if it is taken. */
    public static RunLock acquire(Path folder) throws IOException {
        Path real = folder.toRealPath();
        Path file = real.resolve("run.lock");
        FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock lock;
        try {
            lock = channel.tryLock();
        } catch (OverlappingFileLockException e) {
            lock = null;
        } catch (IOException e) {
            channel.close();
            throw e;
        }
        if (lock == null) {
            channel.close();
            throw new UserError(
                    ExitCode.LOCKED,
                    "run folder " + Printable.of(folder.toString()) + " is in use by another run ("
                            + Printable.of(Files.readString(file, StandardCharsets.ISO_8859_1)
                                    .strip())
                            + "); stop that run or give another run.name");
        }
        String holder = "pid " + ProcessHandle.current().pid() + " on " + host() + "\n";
        channel.truncate(0);
        channel.write(ByteBuffer.wrap(holder.getBytes(StandardCharsets.UTF_8)), 0);
        return new RunLock(real, channel, lock);
    }

    /** Whether this lock is still held and covers the folder. */
    public boolean holds(Path runFolder) throws IOException {
        return lock.isValid() && runFolder.toRealPath().equals(folder);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "unknown host";
        }
    }
}
