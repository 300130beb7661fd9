package sdae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

final class SafetensorsTest {
    private static final String F32_2 = "{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}";

    @TempDir
    Path folder;

    private static byte[] file(long length, byte[] header, int dataBytes) {
        return ByteBuffer.allocate(8 + header.length + dataBytes)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(length)
                .put(header)
                .array();
    }

    private void refused(byte[] file, String text) throws IOException {
        refused(file, text, 20);
    }

    private void refused(byte[] file, String text, int allocatedPerByte) throws IOException {
        Path path = Files.write(folder.resolve("bad.safetensors"), file);
        var threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long before = threads.getCurrentThreadAllocatedBytes();
        UserError error = assertThrows(UserError.class, () -> SafetensorsReader.open(path));
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertEquals(ExitCode.CHECKPOINT, error.code());
        assertTrue(error.getMessage().contains(text), error.getMessage());
        assertTrue(error.getMessage().length() < 2000, "the message is too long");
        assertTrue(
                allocated < (8 << 20) + (long) allocatedPerByte * file.length,
                allocated + " bytes were allocated: " + text);
    }

    private void refused(String header, int dataBytes, String text) throws IOException {
        byte[] json = header.replace('\'', '"').getBytes(StandardCharsets.UTF_8);
        refused(file(json.length, json, dataBytes), text);
    }

    @Test
    void lengthsThatTheFileCannotHaveAreRefused() throws IOException {
        for (int size = 0; size < 8; size++) {
            refused(new byte[size], "file has " + size + " bytes");
        }
        refused(file(3, new byte[2], 0), "header length 3 exceeds file size 10");
        refused(file(Long.MIN_VALUE, new byte[2], 0), "header length 9223372036854775808 exceeds file size 10");
        refused(file(-1, new byte[2], 0), "header length 18446744073709551615 exceeds file size 10");
        long large = Safetensors.MAX_HEADER + 1;
        refused(file(large, new byte[0], (int) large), "header too large: " + large);
    }

    @Test
    void textThatIsNotStrictJsonIsRefused() throws IOException {
        refused("", 0, "must start with '{'");
        refused(" {}", 0, "must start with '{'");
        refused("\ufeff{}", 0, "must start with '{'");
        refused("[]", 0, "must start with '{'");
        for (String header : List.of("{'a':", "{'a':{},}", "{'a':NaN}", "{'" + "a".repeat(20_000) + "':1}")) {
            refused(header, 0, "");
        }
        refused("{} x", 0, "header");
        refused("{'a':" + "[".repeat(100_000), 0, "");
        refused("{'a':{'dtype':'F32','shape':" + "[".repeat(100_000), 0, "");
        refused("{'a':{'dtype':'F32','shape':[" + "1".repeat(2_000_000) + "]}}", 0, "");
        refused("{'a':{'dtype':'F32','shape':[1e400],'data_offsets':[0,8]}}", 8, "must be at most 8 integers");
        refused("{'\\ud800':{'dtype':'F32','shape':[2],'data_offsets':[0,8]}}", 8, "surrogate pair");
        byte[] latin = F32_2.replace('\'', '"').replace('a', '\u00e9').getBytes(StandardCharsets.ISO_8859_1);
        refused(file(latin.length, latin, 8), "");
    }

    @Test
    void keysGivenTwiceAreRefused() throws IOException {
        String tensor = F32_2.substring(1, F32_2.length() - 1);
        refused("{" + tensor + "," + tensor + "}", 8, "Duplicate");
        refused("{'a':{'dtype':'F32','shape':[2],'shape':[2],'data_offsets':[0,8]}}", 8, "Duplicate");
    }

    @Test
    void offsetsThatAreNotBackToBackAreRefused() throws IOException {
        String two =
                "{'a':{'dtype':'U8','shape':[2],'data_offsets':[0,2]},'b':{'dtype':'U8','shape':[2],'data_offsets':%s}}";
        refused(String.format(two, "[1,3]"), 4, "'b' begins at byte 1 of the data, but the tensor before it ends at 2");
        refused(String.format(two, "[3,5]"), 5, "(a gap)");
        refused(String.format(two, "[4,2]"), 4, "'b': data_offsets [4, 2] must be in order");
        refused(String.format(two, "[2,5]"), 4, "'b': data_offsets [2, 5]");
        refused(String.format(two, "[2,4]"), 5, "tensors end at byte 4 of the data, but the file has 5");
        for (String offsets : List.of("[-2,4]", "[2.0,4]", "[2,99999999999999999999]", "'x'", "[2,3,4]")) {
            refused(String.format(two, offsets), 4, "'b': data_offsets must be ");
        }
        refused(String.format(two, "[2]"), 4, "must have dtype, shape and data_offsets");
    }

    @Test
    void shapesAndTypesThatDoNotFitAreRefused() throws IOException {
        String one = "{'a':{'dtype':%s,'shape':%s,'data_offsets':[0,8]}}";
        refused(String.format(one, "'F32'", "[-2]"), 8, "'a': shape must be at most 8 integers");
        refused(String.format(one, "'F32'", "[4294967296,4294967296]"), 8, "too many elements");
        refused(String.format(one, "'F32'", "[0,9223372036854775807]"), 8, "'a'");
        refused(String.format(one, "'F32'", "[1" + ",1".repeat(10_000) + "]"), 8, "at most 8 integers");
        refused(String.format(one, "'F32'", "[3]"), 8, "'a': F32 [3] needs 12 bytes");
        refused(String.format(one, "'F33'", "[2]"), 8, "unknown dtype 'F33'");
        refused(String.format(one, "7", "[2]"), 8, "unknown dtype");
        refused("{'__metadata__':{'k':1}}", 0, "must hold strings only, but 'k' is not");
        refused("{'__metadata__':[]}", 0, "must be an object of strings");
        refused("{'__metadata__':{'k':'" + "v".repeat(2 << 20) + "'}}", 0, "");
    }

    /** All garbage counted, entries of such small tensors took 40 bytes a byte of header; the heap needs less. */
    @Test
    @Timeout(60)
    void manyTinyTensorsEndSoonAndNamesAreEscaped() throws IOException {
        refused("{'\\u001b[0m':{'dtype':'?','shape':[],'data_offsets':[0,0]}}", 0, "'\\u001B[0m'");
        StringBuilder many = new StringBuilder("{");
        for (int i = 0; many.length() < Safetensors.MAX_HEADER - 100; i++) {
            many.append(i == 0 ? "" : ",")
                    .append("'")
                    .append(i)
                    .append("':{'dtype':'U8','shape':[0],'data_offsets':[0,0]}");
        }
        byte[] json = many.append('}').toString().replace('\'', '"').getBytes(StandardCharsets.UTF_8);
        refused(file(json.length, json, 1), "tensors end at byte 0 of the data, but the file has 1", 60);
    }

    private SafetensorsReader written(String type, int bytes, byte[] data) throws IOException {
        String json = String.format(
                "{\"a\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,%d]}}",
                type, data.length / bytes, data.length);
        byte[] header = json.getBytes(StandardCharsets.UTF_8);
        byte[] file = file(header.length, header, data.length);
        System.arraycopy(data, 0, file, 8 + header.length, data.length);
        return SafetensorsReader.open(Files.write(folder.resolve("one.safetensors"), file));
    }

    @Test
    void everyTypeIsReadAsStored() throws IOException {
        byte[] data = new byte[16];
        for (int i = 0; i < data.length; i++) {
            data[i] = (byte) (37 * i + 1);
        }
        for (Safetensors.Type type : Safetensors.Type.values()) {
            try (SafetensorsReader in = written(type.name(), type.bytes(), data)) {
                assertEquals(type, in.dtype("a"));
                assertArrayEquals(new long[] {16 / type.bytes()}, in.shape("a"));
                assertArrayEquals(data, in.bytes("a"));
            }
        }
        byte[] ones = {-1, -1, -1, -1};
        assertArrayEquals(new int[] {-1}, ints("I32", 4, ones));
        assertArrayEquals(new int[] {-1, -1}, ints("I16", 2, ones));
        assertArrayEquals(new int[] {65535, 65535}, ints("U16", 2, ones));
        assertArrayEquals(new int[] {-1, -1, -1, -1}, ints("I8", 1, ones));
        assertArrayEquals(new int[] {255, 255, 255, 255}, ints("U8", 1, ones));
        assertThrows(UserError.class, () -> ints("U32", 4, ones));
        try (SafetensorsReader in = written("F16", 2, new byte[] {0, 0x3c, 1, 0, 0, (byte) 0xfc})) {
            assertArrayEquals(new float[] {1, 0x1p-24f, Float.NEGATIVE_INFINITY}, in.floats("a"));
        }
        try (SafetensorsReader in = written("BF16", 2, new byte[] {(byte) 0x80, 0x3f, 0, (byte) 0xc0})) {
            assertArrayEquals(new float[] {1, -2}, in.floats("a"));
            assertThrows(UserError.class, () -> in.ints("a"));
        }
    }

    private int[] ints(String type, int bytes, byte[] data) throws IOException {
        try (SafetensorsReader in = written(type, bytes, data)) {
            return in.ints("a");
        }
    }

    private SafetensorsWriter.Written write(Path file, float[] large) throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter()
                .metadata("z", "1")
                .metadata("a", "\u00e9")
                .add("bytes", new long[] {3}, new byte[] {1, -1, 0})
                .add("ints", new long[] {}, new int[] {-7})
                .add("doubles", new long[] {1, 2}, new double[] {Math.PI, -0.0})
                .add("none", new long[] {0, 4}, new float[0])
                .add(
                        "large",
                        new long[] {large.length},
                        (from, into, count) -> System.arraycopy(large, (int) from, into, 0, count));
        try (Disk.Out out = Disk.real().create(file)) {
            return writer.writeTo(out);
        }
    }

    @Test
    void whatIsWrittenIsReadAndEqualInputGivesEqualBytes() throws IOException {
        float[] large = new float[(1 << 17) + 3]; // three chunks, the last of 3 elements
        for (int i = 0; i < large.length; i++) {
            large[i] = i * 0.5f;
        }
        Path file = folder.resolve("w.safetensors");
        var written = write(file, large);
        assertEquals(written, write(folder.resolve("again.safetensors"), large));
        assertEquals(-1, Files.mismatch(file, folder.resolve("again.safetensors")));
        assertEquals(Hashes.ofFile(file), written.sha256());
        assertEquals(Files.size(file), written.bytes());
        try (SafetensorsReader in = SafetensorsReader.open(file)) {
            assertArrayEquals(large, in.floats("large"));
            float[] part = new float[4];
            in.floats("large", 65_535, part, 1, 3);
            assertArrayEquals(new float[] {0, 32_767.5f, 32_768, 32_768.5f}, part);
            assertArrayEquals(new int[] {-7}, in.ints("ints"));
            assertArrayEquals(new double[] {Math.PI, -0.0}, in.doubles("doubles"));
            assertArrayEquals(new byte[] {1, -1, 0}, in.bytes("bytes"));
            assertEquals(0, in.floats("none").length);
            assertEquals("\u00e9", in.metadata().get("a"));
            assertEquals("doubles", in.names().get(0));
            for (String name : in.names()) {
                assertEquals(0, in.entry(name).begin() % in.dtype(name).bytes(), name + " is not aligned");
                assertEquals(written.tensors().get(name), in.crc32c(name));
            }
        }
    }

    @Test
    void referenceFilesAreRead() throws IOException, URISyntaxException {
        Path golden = Path.of(SafetensorsTest.class.getResource("/golden").toURI());
        try (Stream<Path> files = Files.list(golden)) {
            List<Path> all =
                    files.filter(f -> f.toString().endsWith(".safetensors")).toList();
            assertTrue(all.size() >= 15, all.size() + " files");
            for (Path file : all) {
                try (SafetensorsReader in = SafetensorsReader.open(file)) {
                    assertTrue(!in.names().isEmpty());
                    for (String name : in.names()) {
                        assertEquals(in.entry(name).end() - in.entry(name).begin(), in.bytes(name).length);
                    }
                }
            }
        }
    }
}
