package sdae.io;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Set;

/**
 * The right to write into a run folder: an operating-system lock on {@code run.lock}.
 *
 * <p>The system frees the lock when the process dies in whatever way, so there are no stale locks; the file stays and
 * its text (pid and host of the last holder) is for messages only. On Linux a process loses its lock when it closes any
 * handle of the file, so a folder that this process holds is refused before the file is opened again.
 */
public final class RunLock implements AutoCloseable {
    private static final Set<Path> HELD = new HashSet<>();

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
        synchronized (HELD) {
            if (HELD.contains(real)) {
                throw taken(folder, holder());
            }
            Path file = real.resolve("run.lock");
            FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            try {
                FileLock lock = channel.tryLock();
                if (lock == null) {
                    throw taken(folder, Files.readString(file, StandardCharsets.ISO_8859_1));
                }
                channel.truncate(0);
                channel.write(ByteBuffer.wrap((holder() + "\n").getBytes(StandardCharsets.UTF_8)), 0);
                HELD.add(real);
                return new RunLock(real, channel, lock);
            } catch (IOException | RuntimeException e) {
                channel.close();
                throw e;
            }
        }
    }

    /** Whether this lock is still held and covers the folder. */
    public boolean holds(Path runFolder) throws IOException {
        return lock.isValid() && runFolder.toRealPath().equals(folder);
    }

    @Override
    public void close() throws IOException {
        synchronized (HELD) {
            if (channel.isOpen()) {
                channel.close();
                HELD.remove(folder);
            }
        }
    }

    private static UserError taken(Path folder, String holder) {
        return new UserError(
                ExitCode.LOCKED,
                "run folder " + Printable.of(folder.toString()) + " is in use by another run ("
                        + Printable.of(holder.strip()) + "); stop that run or give another run.name");
    }

    private static String holder() {
        return "pid " + ProcessHandle.current().pid() + " on " + host();
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "unknown host";
        }
    }
}
