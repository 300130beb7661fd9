package sdae.data;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import java.util.zip.GZIPInputStream;

/**
 * MNIST-style idx files (LeCun, "The MNIST database", file format section): grey images [count, rows, columns] of unsigned
 * bytes and labels [count], plain or gzipped (told by content). All pixels are kept in memory.
 */
public final class IdxSource implements ImageSource {
    private static final int IMAGES = 0x00000803;
    private static final int LABELS = 0x00000801;

    private final String prefix;
    private final int count;
    private final int rows;
    private final int columns;
    private final byte[] pixels;
    private final byte[] labels;
    private final List<String> classes;

    private IdxSource(String prefix, int[] sizes, byte[] pixels, byte[] labels, List<String> classes) {
        this.prefix = prefix;
        this.count = sizes[0];
        this.rows = sizes[1];
        this.columns = sizes[2];
        this.pixels = pixels;
        this.labels = labels;
        this.classes = classes;
    }

    /**
     * Opens an images file and, if {@code labels} is not null, its labels file.
     *
     * @param classNames names of labels 0, 1, ...; empty to call them "0", "1", ...
     * @throws DataException if a file is missing, truncated, of another kind, or the two do not match
     */
    public static IdxSource open(Path images, Path labels, List<String> classNames) {
        int[] sizes = new int[3];
        byte[] pixels = read(images, IMAGES, sizes);
        byte[] labelBytes = null;
        List<String> classes = List.of();
        if (labels != null) {
            int[] labelCount = new int[1];
            labelBytes = read(labels, LABELS, labelCount);
            if (labelCount[0] != sizes[0]) {
                throw new DataException(labels + " has " + labelCount[0] + " labels, but " + images + " has " + sizes[0]
                        + " images (the files do not belong together)");
            }
            int top = IntStream.range(0, labelBytes.length)
                    .map(labelByte(labelBytes))
                    .max()
                    .orElse(0);
            classes = top < classNames.size()
                    ? List.copyOf(classNames)
                    : IntStream.rangeClosed(0, top).mapToObj(Integer::toString).toList();
        }
        return new IdxSource(
                String.valueOf(images.getFileName()).replaceFirst("\\.gz$", ""), sizes, pixels, labelBytes, classes);
    }

    private static IntUnaryOperator labelByte(byte[] labels) {
        return i -> labels[i] & 0xff;
    }

    /** The data bytes; sizes is filled from the header. */
    private static byte[] read(Path file, int magic, int[] sizes) {
        try (InputStream in = open(file)) {
            ByteBuffer header = ByteBuffer.wrap(in.readNBytes(4 + 4 * sizes.length));
            if (header.capacity() < 4 || header.getInt() != magic) {
                throw new DataException("idx file " + file + ": it must start with " + hex(magic) + ", but does not");
            }
            long bytes = 1;
            for (int i = 0; i < sizes.length; i++) {
                sizes[i] = header.remaining() < 4 ? 0 : header.getInt();
                if (sizes[i] < 1 || (bytes *= sizes[i]) > Integer.MAX_VALUE - 16) {
                    throw new DataException("idx file " + file + ": sizes must be 1 to 2 GiB in all, but are "
                            + Arrays.toString(sizes));
                }
            }
            byte[] data = in.readNBytes((int) bytes);
            if (data.length < bytes || in.read() >= 0) {
                throw new DataException("idx file " + file + ": the header " + Arrays.toString(sizes) + " promises "
                        + bytes
                        + " bytes, but " + (data.length < bytes ? "only " + data.length + " follow" : "more follow")
                        + " (fetch the file again)");
            }
            return data;
        } catch (EOFException e) {
            throw new DataException("idx file " + file + ": the gzip stream is truncated (fetch the file again)", e);
        } catch (IOException e) {
            throw new DataException("idx file " + file + ": cannot be read: " + e, e);
        }
    }

    private static InputStream open(Path file) throws IOException {
        BufferedInputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16);
        in.mark(2);
        boolean gzip = in.read() == 0x1f && in.read() == 0x8b;
        in.reset();
        return gzip ? new GZIPInputStream(in, 1 << 16) : in;
    }

    private static String hex(int magic) {
        return String.format(Locale.ROOT, "%08x", magic);
    }

    @Override
    public int size() {
        return count;
    }

    /** {@code train-images-idx3-ubyte#00042}: the number is padded, so the byte order is the file's order. */
    @Override
    public String name(int i) {
        String number = Integer.toString(i);
        return prefix + "#" + "0".repeat(Integer.toString(count - 1).length() - number.length()) + number;
    }

    @Override
    public int label(int i) {
        return labels == null ? -1 : labels[i] & 0xff;
    }

    @Override
    public List<String> classes() {
        return classes;
    }

    @Override
    public RawImage read(int i) {
        int bytes = rows * columns;
        return new RawImage(columns, rows, 1, Arrays.copyOfRange(pixels, i * bytes, (i + 1) * bytes));
    }

    @Override
    public boolean inMemory() {
        return true;
    }

    @Override
    public String fingerprint() {
        Fingerprint print = new Fingerprint();
        print.add(prefix, pixels.length);
        print.add(pixels);
        if (labels != null) {
            print.add(labels);
        }
        return print.of(count);
    }
}
