package sdae.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/**
 * Streams tensors into a safetensors file: wider types first, then in the order added.
 *
 * <p>Metadata is sorted by key and the header padded to 8 bytes: equal input gives equal bytes, and every tensor begins
 * at a multiple of its element size. Arrays and sources are read by {@link #writeTo}, not before, by chunks of 256 KiB.
 */
public final class SafetensorsWriter {
    private static final int CHUNK = 1 << 18;

    /** Gives elements {@code [from, from + count)} of a tensor as {@code into[0 .. count)}. */
    @FunctionalInterface
    public interface FloatSource {
        void read(long from, float[] into, int count) throws IOException;
    }

    /** What was written: SHA-256 of the file, its size, and CRC-32C of each tensor's bytes. */
    public record Written(String sha256, long bytes, Map<String, String> tensors) {}

    @FunctionalInterface
    private interface Filler {
        void fill(ByteBuffer into, float[] scratch, long from, int count) throws IOException;
    }

    private record Item(String name, Safetensors.Type type, List<Long> shape, long bytes, Filler filler) {}

    private final Map<String, Item> items = new LinkedHashMap<>();
    private final Map<String, String> metadata = new TreeMap<>();
    private long dataBytes;

    public SafetensorsWriter metadata(String key, String value) {
        metadata.put(key, value);
        return this;
    }

    /** An F32 tensor whose elements come by chunks, so that a large one needs no copy. */
    public SafetensorsWriter add(String name, long[] shape, FloatSource source) {
        return item(name, Safetensors.Type.F32, shape, -1, (into, scratch, from, count) -> {
            source.read(from, scratch, count);
            into.asFloatBuffer().put(scratch, 0, count);
        });
    }

    /** The same as BF16, each value rounded to the nearest, halves to even. */
    public SafetensorsWriter addBf16(String name, long[] shape, FloatSource source) {
        return item(name, Safetensors.Type.BF16, shape, -1, (into, scratch, from, count) -> {
            source.read(from, scratch, count);
            for (int i = 0; i < count; i++) {
                into.putShort(2 * i, Safetensors.floatToBf16(scratch[i]));
            }
        });
    }

    /** An F32 tensor. */
    public SafetensorsWriter add(String name, long[] shape, float[] values) {
        return item(
                name,
                Safetensors.Type.F32,
                shape,
                values.length,
                (into, scratch, from, count) -> into.asFloatBuffer().put(values, (int) from, count));
    }

    /** An I32 tensor. */
    public SafetensorsWriter add(String name, long[] shape, int[] values) {
        return item(
                name,
                Safetensors.Type.I32,
                shape,
                values.length,
                (into, scratch, from, count) -> into.asIntBuffer().put(values, (int) from, count));
    }

    /** An F64 tensor. */
    public SafetensorsWriter add(String name, long[] shape, double[] values) {
        return item(
                name,
                Safetensors.Type.F64,
                shape,
                values.length,
                (into, scratch, from, count) -> into.asDoubleBuffer().put(values, (int) from, count));
    }

    /** A U8 tensor. */
    public SafetensorsWriter add(String name, long[] shape, byte[] values) {
        return item(
                name,
                Safetensors.Type.U8,
                shape,
                values.length,
                (into, scratch, from, count) -> into.duplicate().put(values, (int) from, count));
    }

    /** Bytes of tensor data added so far. */
    public long dataBytes() {
        return dataBytes;
    }

    /** Writes header and data; does not fsync or close. */
    public Written writeTo(Disk.Out out) throws IOException {
        MessageDigest digest = Hashes.sha256();
        List<Item> ordered = ordered();
        byte[] header = header(ordered);
        emit(out, digest, ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, header.length));
        emit(out, digest, ByteBuffer.wrap(header));
        ByteBuffer chunk = ByteBuffer.allocate(CHUNK).order(ByteOrder.LITTLE_ENDIAN);
        float[] scratch = new float[CHUNK / Float.BYTES];
        Map<String, String> sums = new LinkedHashMap<>();
        for (Item item : ordered) {
            CRC32C crc = new CRC32C();
            int size = item.type.bytes();
            for (long from = 0; from < item.bytes / size; from += CHUNK / size) {
                int count = (int) Math.min(CHUNK / size, item.bytes / size - from);
                item.filler.fill(chunk.clear(), scratch, from, count);
                chunk.limit(count * size);
                crc.update(chunk);
                emit(out, digest, chunk.rewind());
            }
            sums.put(item.name, String.format("%08x", crc.getValue()));
        }
        return new Written(Hashes.hex(digest), 8 + header.length + dataBytes, sums);
    }

    private SafetensorsWriter item(String name, Safetensors.Type type, long[] shape, long length, Filler filler) {
        List<Long> dims = new ArrayList<>();
        for (long dim : shape) {
            if (dim < 0) {
                throw new IllegalArgumentException("safetensors: sizes of '" + name + "' must not be negative");
            }
            dims.add(dim);
        }
        long bytes = Safetensors.checkedBytes(type, shape);
        if (length >= 0 && bytes != length * type.bytes()) {
            throw new IllegalArgumentException(
                    "safetensors: '" + name + "' must have the elements of its shape " + dims + ", but has " + length);
        }
        if (name.isEmpty() || name.equals(Safetensors.METADATA) || shape.length > Safetensors.MAX_RANK) {
            throw new IllegalArgumentException(
                    "safetensors: '" + name + "' " + dims + " is not a tensor's name and shape");
        }
        if (items.putIfAbsent(name, new Item(name, type, List.copyOf(dims), bytes, filler)) != null) {
            throw new IllegalArgumentException("safetensors: '" + name + "' was added twice");
        }
        dataBytes += bytes;
        return this;
    }

    private List<Item> ordered() {
        List<Item> ordered = new ArrayList<>(items.values());
        ordered.sort(Comparator.comparingInt(item -> -item.type.bytes()));
        return ordered;
    }

    private byte[] header(List<Item> ordered) {
        Map<String, Object> json = new LinkedHashMap<>();
        if (!metadata.isEmpty()) {
            json.put(Safetensors.METADATA, metadata);
        }
        long at = 0;
        for (Item item : ordered) {
            Map<String, Object> tensor = new LinkedHashMap<>();
            tensor.put("dtype", item.type.name());
            tensor.put("shape", item.shape);
            tensor.put("data_offsets", List.of(at, at + item.bytes));
            json.put(item.name, tensor);
            at += item.bytes;
        }
        byte[] text = Json.compact(json).getBytes(StandardCharsets.UTF_8);
        byte[] padded = Arrays.copyOf(text, (text.length + 7) / 8 * 8);
        Arrays.fill(padded, text.length, padded.length, (byte) ' ');
        return padded;
    }

    private static void emit(Disk.Out out, MessageDigest digest, ByteBuffer bytes) throws IOException {
        digest.update(bytes.duplicate());
        out.write(bytes);
    }
}
