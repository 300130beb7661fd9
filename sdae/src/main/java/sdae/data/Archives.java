package sdae.data;

import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
import sdae.data.FileSource.Entry;
import sdae.io.Printable;

/** Images in .tar, .tar.gz and .zip files, read in place: nothing is unpacked to disk. */
final class Archives {
    private static final System.Logger LOG = System.getLogger("sdae.data");

    private Archives() {}

    /** A plain tar: one pass lists it, then members are read by position. */
    static FileSource tar(Path file, ImageDecoder decoder) {
        TarIndex index;
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
            index = TarIndex.read(file.toString(), in, (member, data) -> false);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
        List<Entry> entries = new ArrayList<>();
        index.members().forEach(m -> entries.add(new Entry(m.name(), m.size(), m.offset())));
        check(file, entries, index.skipped());
        FileChannel channel = null;
        try {
            channel = FileChannel.open(file, StandardOpenOption.READ);
            return source(file, entries, new Positions(channel), decoder);
        } catch (IOException e) {
            throw unreadable(file, e);
        } catch (RuntimeException e) {
            closeQuietly(channel, e);
            throw e;
        }
    }

    /**
     * A gzipped tar has no random access, so its images (still compressed as JPEG or PNG) stay in memory: at most
     * {@code limit} bytes, which also bounds a gzip bomb.
     */
    static FileSource gzippedTar(Path file, long limit, ImageDecoder decoder) {
        List<Entry> entries = new ArrayList<>();
        long[] total = new long[2];
        try (InputStream in = new CountingStream(
                new GZIPInputStream(new BufferedInputStream(Files.newInputStream(file), 1 << 16), 1 << 16),
                total,
                file)) {
            TarIndex index = TarIndex.read(file.toString(), in, (member, data) -> {
                total[1] += member.size();
                if (total[1] > limit || member.size() > FileSource.MAX_BYTES) {
                    throw new DataException(DataException.text(
                            "tar",
                            file.toString(),
                            "holds more than " + limit + " bytes of images, which a compressed tar must keep in memory",
                            "gunzip it first"));
                }
                byte[] bytes = data.readNBytes((int) member.size());
                if (bytes.length < member.size()) {
                    throw new DataException(DataException.text(
                            "tar",
                            file.toString(),
                            "ends inside member " + Printable.of(member.name()) + ", at byte "
                                    + (member.offset() + bytes.length),
                            "fetch or pack it again"));
                }
                entries.add(new Entry(member.name(), member.size(), bytes));
                return true;
            });
            check(file, entries, index.skipped());
        } catch (EOFException e) {
            throw new DataException(
                    DataException.text(
                            "tar",
                            file.toString(),
                            "the gzip stream is truncated after " + total[0] + " unpacked bytes",
                            "fetch it again"),
                    e);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
        return source(file, entries, new Memory(), decoder);
    }

    static FileSource zip(Path file, ImageDecoder decoder) {
        ZipFile zip = null;
        try {
            zip = new ZipFile(file.toFile());
            List<Entry> entries = new ArrayList<>();
            int skipped = 0;
            for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
                ZipEntry entry = all.nextElement();
                if (!entry.isDirectory() && !TarIndex.isSafe(entry.getName())) {
                    skipped++;
                } else if (!entry.isDirectory() && TarIndex.isListed(entry.getName())) {
                    entries.add(new Entry(entry.getName(), entry.getSize(), entry));
                }
            }
            check(file, entries, skipped);
            return source(file, entries, new Zipped(zip), decoder);
        } catch (IOException | RuntimeException e) {
            closeQuietly(zip, e);
            throw e instanceof DataException known ? known : unreadable(file, e);
        }
    }

    private static FileSource source(Path file, List<Entry> entries, FileSource.Store store, ImageDecoder decoder) {
        return new FileSource(file.toString(), entries, List.of(), store, decoder);
    }

    private static void check(Path file, List<Entry> entries, int skipped) {
        if (skipped > 0) {
            LOG.log(System.Logger.Level.WARNING, "{0}: {1} links, devices or unsafe names skipped", file, skipped);
        }
        if (entries.isEmpty()) {
            throw new DataException("no images in " + Printable.of(file.toString())
                    + " (looked for .jpg .jpeg .png; skipped " + skipped + " links, devices or unsafe names)");
        }
    }

    private static DataException unreadable(Path file, Exception e) {
        return new DataException(
                DataException.text("data", file.toString(), "cannot be read: " + e, "fetch it again"), e);
    }

    private static void closeQuietly(Closeable open, Exception reason) {
        try {
            if (open != null) {
                open.close();
            }
        } catch (IOException e) {
            reason.addSuppressed(e);
        }
    }

    private record Positions(FileChannel channel) implements FileSource.Store {
        @Override
        public byte[] read(Entry entry) throws IOException {
            ByteBuffer bytes = ByteBuffer.allocate((int) entry.size());
            long position = (Long) entry.place();
            while (bytes.hasRemaining()) {
                int n = channel.read(bytes, position + bytes.position());
                if (n < 0) {
                    throw new EOFException("the archive has shrunk since the scan");
                }
            }
            return bytes.array();
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    private record Memory() implements FileSource.Store {
        @Override
        public byte[] read(Entry entry) {
            return (byte[]) entry.place();
        }

        @Override
        public void close() {}
    }

    private record Zipped(ZipFile zip) implements FileSource.Store {
        @Override
        public byte[] read(Entry entry) throws IOException {
            try (InputStream in = zip.getInputStream((ZipEntry) entry.place())) {
                byte[] bytes = in.readNBytes((int) entry.size() + 1);
                if (bytes.length > entry.size()) {
                    throw new ZipException("the member is longer than its directory says");
                }
                return bytes;
            }
        }

        @Override
        public void close() throws IOException {
            zip.close();
        }
    }

    /** Counts what comes out of the gzip stream and stops a bomb: 1 TiB of padding is as bad as 1 TiB of image. */
    private static final class CountingStream extends InputStream {
        private static final long MAX_UNPACKED = 64L << 30;

        private final InputStream in;
        private final long[] total;
        private final Path file;

        CountingStream(InputStream in, long[] total, Path file) {
            this.in = in;
            this.total = total;
            this.file = file;
        }

        @Override
        public int read() throws IOException {
            int b = in.read();
            count(b >= 0 ? 1 : 0);
            return b;
        }

        @Override
        public int read(byte[] bytes, int offset, int length) throws IOException {
            int n = in.read(bytes, offset, length);
            count(Math.max(n, 0));
            return n;
        }

        private void count(int n) {
            total[0] += n;
            if (total[0] > MAX_UNPACKED) {
                throw new DataException(DataException.text(
                        "tar", file.toString(), "unpacks to more than " + MAX_UNPACKED + " bytes", "gunzip it first"));
            }
        }

        @Override
        public void close() throws IOException {
            in.close();
        }
    }
}
