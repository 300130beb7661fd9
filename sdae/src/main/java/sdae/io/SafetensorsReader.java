package sdae.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Reads a safetensors file of any size; data is read when asked for, never mapped.
 *
 * <p>A malformed file is a {@link UserError} with {@link ExitCode#CHECKPOINT} at {@link #open}, before any array is
 * made. Not for use by two threads at once.
 */
public final class SafetensorsReader implements AutoCloseable {
    private static final int CHUNK = 1 << 18;

    private final Path file;
    private final FileChannel channel;
    private final SafetensorsHeader header;
    private final long dataStart;
    private final ByteBuffer chunk = ByteBuffer.allocate(CHUNK).order(ByteOrder.LITTLE_ENDIAN);

    private SafetensorsReader(Path file, FileChannel channel, SafetensorsHeader header, long dataStart) {
        this.file = file;
        this.channel = channel;
        this.header = header;
        this.dataStart = dataStart;
    }

    /** Opens the file and checks its whole header. */
    public static SafetensorsReader open(Path file) throws IOException {
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        try {
            long size = channel.size();
            if (size < 8) {
                throw bad(file, "file has " + size + " bytes, but the header length alone needs 8");
            }
            ByteBuffer start = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
            readFully(file, channel, start, 0);
            long length = start.flip().getLong();
            if (Long.compareUnsigned(length, size - 8) > 0) {
                throw bad(file, "header length " + Long.toUnsignedString(length) + " exceeds file size " + size);
            }
            if (length > Safetensors.MAX_HEADER) {
                throw bad(file, "header too large: " + length + " bytes, the limit is " + Safetensors.MAX_HEADER);
            }
            ByteBuffer json = ByteBuffer.allocate((int) length);
            readFully(file, channel, json, 8);
            SafetensorsHeader header = SafetensorsHeader.parse(json.array(), size - 8 - length);
            return new SafetensorsReader(file, channel, header, 8 + length);
        } catch (SafetensorsHeader.Malformed e) {
            channel.close();
            throw bad(file, e.getMessage());
        } catch (IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
    }

    /** Tensor names in the order of their data. */
    public List<String> names() {
        return List.copyOf(header.entries().keySet());
    }

    public boolean has(String name) {
        return header.entries().containsKey(name);
    }

    /** Type, shape and place of a tensor; a {@link UserError} if the file has none of that name. */
    public Safetensors.Entry entry(String name) {
        Safetensors.Entry entry = header.entries().get(name);
        if (entry == null) {
            throw bad(file, "has no tensor '" + Printable.of(name) + "'");
        }
        return entry;
    }

    public Safetensors.Type dtype(String name) {
        return entry(name).type();
    }

    /** Sizes, outermost first; empty for a scalar. */
    public long[] shape(String name) {
        return entry(name).dims();
    }

    /** The {@code __metadata__} strings, by key. */
    public Map<String, String> metadata() {
        return Collections.unmodifiableMap(header.metadata());
    }

    /** The whole tensor, flat; F16, BF16 widened exactly, F64 rounded to F32. */
    public float[] floats(String name) throws IOException {
        float[] values = new float[arraySize(name)];
        floats(name, 0, values, 0, values.length);
        return values;
    }

    /**
     * Copies elements {@code [from, from + count)} of a tensor into {@code into} at {@code at}, converted as by {@link
     * #floats(String)}; this is the way to load tensors without a second copy, and those of more than 2^31 elements.
     */
    public void floats(String name, long from, float[] into, int at, int count) throws IOException {
        Safetensors.Type type = entry(name).type();
        int done = at;
        for (ByteBuffer in = first(name, from, count);
                in != null;
                in = next(name, from + done - at, at + count - done)) {
            while (in.hasRemaining()) {
                into[done++] = switch (type) {
                    case F32 -> in.getFloat();
                    case F64 -> (float) in.getDouble();
                    case F16 -> Safetensors.halfToFloat(in.getShort());
                    case BF16 -> Float.intBitsToFloat(in.getShort() << 16);
                    default -> throw wrongType(name, "floats");
                };
            }
        }
    }

    /** The whole tensor, flat; F64, or any type of {@link #floats(String)}. */
    public double[] doubles(String name) throws IOException {
        double[] values = new double[arraySize(name)];
        Safetensors.Type type = entry(name).type();
        int done = 0;
        for (ByteBuffer in = first(name, 0, values.length); in != null; in = next(name, done, values.length - done)) {
            while (in.hasRemaining()) {
                values[done++] = switch (type) {
                    case F64 -> in.getDouble();
                    case F32 -> in.getFloat();
                    case F16 -> Safetensors.halfToFloat(in.getShort());
                    case BF16 -> Float.intBitsToFloat(in.getShort() << 16);
                    default -> throw wrongType(name, "doubles");
                };
            }
        }
        return values;
    }

    /** The whole tensor, flat; any integer type or BOOL, if each value fits an int. */
    public int[] ints(String name) throws IOException {
        int[] values = new int[arraySize(name)];
        Safetensors.Type type = entry(name).type();
        int done = 0;
        for (ByteBuffer in = first(name, 0, values.length); in != null; in = next(name, done, values.length - done)) {
            while (in.hasRemaining()) {
                long value = switch (type) {
                    case I32 -> in.getInt();
                    case U32 -> Integer.toUnsignedLong(in.getInt());
                    case I64, U64 -> in.getLong();
                    case I16 -> in.getShort();
                    case U16 -> Short.toUnsignedInt(in.getShort());
                    case I8 -> in.get();
                    case U8, BOOL -> Byte.toUnsignedInt(in.get());
                    default -> throw wrongType(name, "ints");
                };
                if (value != (int) value || (type == Safetensors.Type.U64 && value < 0)) {
                    throw bad(file, "'" + Printable.of(name) + "' element " + done + " does not fit an int: " + value);
                }
                values[done++] = (int) value;
            }
        }
        return values;
    }

    /** The whole tensor's bytes as stored, little-endian, whatever its type. */
    public byte[] bytes(String name) throws IOException {
        Safetensors.Entry entry = entry(name);
        byte[] bytes = new byte[fitting(name, entry.end() - entry.begin())];
        readBytes(name, 0, ByteBuffer.wrap(bytes));
        return bytes;
    }

    /** Fills the buffer with the tensor's stored bytes from {@code byteOffset} on. */
    public void readBytes(String name, long byteOffset, ByteBuffer into) throws IOException {
        Safetensors.Entry entry = entry(name);
        if (byteOffset < 0 || byteOffset > entry.end() - entry.begin() - into.remaining()) {
            throw new IllegalArgumentException("safetensors: bytes " + byteOffset + " to "
                    + (byteOffset + into.remaining()) + " must lie within the " + (entry.end() - entry.begin())
                    + " of '" + Printable.of(name) + "'");
        }
        readFully(file, channel, into, dataStart + entry.begin() + byteOffset);
    }

    /** CRC-32C of the tensor's stored bytes, as eight hexadecimal digits. */
    public String crc32c(String name) throws IOException {
        Safetensors.Entry entry = entry(name);
        CRC32C crc = new CRC32C();
        for (long at = 0; at < entry.end() - entry.begin(); at += chunk.limit()) {
            chunk.clear().limit((int) Math.min(CHUNK, entry.end() - entry.begin() - at));
            readBytes(name, at, chunk);
            crc.update(chunk.flip());
        }
        return String.format("%08x", crc.getValue());
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    private ByteBuffer first(String name, long from, int count) throws IOException {
        Safetensors.Entry entry = entry(name);
        if (from < 0 || count < 0 || from > entry.size() - count) {
            throw new IllegalArgumentException("safetensors: elements " + from + " to " + (from + count)
                    + " must lie within the " + entry.size() + " of '" + Printable.of(name) + "'");
        }
        return next(name, from, count);
    }

    /** The next elements, as many as the chunk holds, ready to be got; null when none are left. */
    private ByteBuffer next(String name, long from, int left) throws IOException {
        if (left == 0) {
            return null;
        }
        int size = dtype(name).bytes();
        chunk.clear().limit(Math.min(CHUNK / size, left) * size);
        readBytes(name, from * size, chunk);
        return chunk.flip();
    }

    private int arraySize(String name) {
        return fitting(name, entry(name).size());
    }

    private int fitting(String name, long size) {
        if (size > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException("safetensors: '" + Printable.of(name) + "' has " + size
                    + " elements, more than an array holds; read it by parts");
        }
        return (int) size;
    }

    private UserError wrongType(String name, String asked) {
        return bad(file, "'" + Printable.of(name) + "' is " + dtype(name) + " and cannot be read as " + asked);
    }

    private static void readFully(Path file, FileChannel channel, ByteBuffer into, long position) throws IOException {
        long at = position;
        while (into.hasRemaining()) {
            int n = channel.read(into, at);
            if (n < 0) {
                throw bad(file, "ends at byte " + at + ": it changed while it was read");
            }
            at += n;
        }
    }

    private static UserError bad(Path file, String why) {
        return new UserError(ExitCode.CHECKPOINT, Printable.of(file.toString()) + ": " + why);
    }
}
