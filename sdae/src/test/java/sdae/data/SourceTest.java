package sdae.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class SourceTest {
    @TempDir
    Path dir;

    private void put(String name, byte[] bytes) throws IOException {
        Path file = dir.resolve(name);
        Files.createDirectories(file.getParent());
        Files.write(file, bytes);
    }

    private static String message(String path) {
        return assertThrows(DataException.class, () -> DataSets.open(path)).getMessage();
    }

    private static List<String> names(ImageSource source) {
        return IntStream.range(0, source.size()).mapToObj(source::name).toList();
    }

    @Test
    void foldersGiveClassesInByteOrder() throws IOException {
        for (String name :
                List.of("b/2.png", "b/1.PNG", "Z/ x\n.png", "a/-é😀.png", "a/.hidden.png", ".git/x.png", "a/t.txt")) {
            put("train/" + name, TestImages.png(3, 2));
        }
        Files.createDirectories(dir.resolve("train/empty"));
        try (ImageSource source = DataSets.open(dir.toString())) {
            assertEquals(List.of("Z/ x\n.png", "a/-é😀.png", "b/1.PNG", "b/2.png"), names(source));
            assertEquals(List.of("Z", "a", "b", "empty"), source.classes());
            assertEquals(2, source.label(3));
            assertEquals(3, source.read(1).width());
            assertTrue(assertThrows(DataException.class, source::requireLabels)
                    .getMessage()
                    .contains("class empty has no images"));
        }
    }

    @Test
    void flatAndSingleFoldersHaveNoClasses() throws IOException {
        put("x/1.png", TestImages.png(3, 2));
        assertEquals(List.of(), DataSets.open(dir.toString()).classes());
        put("2.png", TestImages.png(3, 2));
        try (ImageSource source = DataSets.open(dir.toString())) {
            assertEquals(List.of(), source.classes());
            assertEquals(-1, source.label(0));
            String print = source.fingerprint();
            put("3.png", TestImages.png(3, 2));
            assertTrue(!print.equals(DataSets.open(dir.toString()).fingerprint()) && print.startsWith("2:"));
        }
    }

    @Test
    void emptyAndMissingFoldersAreNamed() throws IOException {
        put("notes.txt", new byte[3]);
        assertTrue(message(dir.toString()).startsWith("no images under " + dir), message(dir.toString()));
        assertTrue(message(dir + "/none").contains("does not exist"));
        assertTrue(message(dir + "/notes.txt").contains("is neither a folder nor a .tar"));
        DataException e = assertThrows(DataException.class, () -> DataSets.resolve("fashion-mnist", dir));
        assertTrue(e.getMessage().contains("apt-get install dataset-fashion-mnist"));
    }

    @Test
    void linkLoopsEnd() throws IOException {
        put("a/1.png", TestImages.png(3, 2));
        Files.createSymbolicLink(dir.resolve("a/loop"), dir);
        Files.createSymbolicLink(dir.resolve("b"), dir.resolve("a"));
        assertEquals(1, DataSets.open(dir.toString()).size());
        assertEquals(1, DataSets.open(dir.toString(), true, new JavaDecoder()).size());
    }

    @Test
    void filesThatChangeOrBreakAreNamed() throws IOException {
        put("1.png", TestImages.png(3, 2));
        put("2.jpg", new byte[0]);
        put("3.png", TestImages.png(3, 2));
        try (ImageSource source = DataSets.open(dir.toString())) {
            put("1.png", TestImages.png(30, 20));
            Files.delete(dir.resolve("3.png"));
            String[] texts = {"changed since scan", "empty file", "cannot be read"};
            for (int i = 0; i < 3; i++) {
                int index = i;
                BadImageException e = assertThrows(BadImageException.class, () -> source.read(index));
                assertTrue(
                        e.getMessage().contains(source.name(i))
                                && e.getMessage().contains(texts[i]),
                        e.getMessage());
            }
        }
    }

    private static byte[] tar(int format) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (TarArchiveOutputStream out = new TarArchiveOutputStream(bytes, 512, "UTF-8")) {
            out.setLongFileMode(format);
            for (String name : List.of(
                    "set/b/2.png", "set/a/1.png", "../evil.png", "set/a/" + "n".repeat(150) + ".png", "set/r.txt")) {
                byte[] data = TestImages.png(name.length() % 7 + 1, 2);
                TarArchiveEntry entry = new TarArchiveEntry(name, true);
                entry.setSize(data.length);
                out.putArchiveEntry(entry);
                out.write(data);
                out.closeArchiveEntry();
            }
            out.putArchiveEntry(new TarArchiveEntry("set/a/link.png", TarConstants.LF_SYMLINK));
            out.closeArchiveEntry();
        }
        return bytes.toByteArray();
    }

    private static byte[] gzip(byte[] data) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
            out.write(data);
        }
        return bytes.toByteArray();
    }

    private void checkArchive(String file) {
        try (ImageSource source = DataSets.open(dir.resolve(file).toString())) {
            assertEquals(List.of("set/a/1.png", "set/a/" + "n".repeat(150) + ".png", "set/b/2.png"), names(source));
            assertEquals(List.of("a", "b"), source.classes());
            for (int i = 0; i < 3; i++) {
                assertEquals(source.name(i).length() % 7 + 1, source.read(i).width());
            }
        }
    }

    @Test
    void archivesAreReadInPlace() throws IOException {
        put("gnu.tar", tar(TarArchiveOutputStream.LONGFILE_GNU));
        put("pax.tar", tar(TarArchiveOutputStream.LONGFILE_POSIX));
        put("pax.tgz", gzip(tar(TarArchiveOutputStream.LONGFILE_POSIX)));
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (ZipOutputStream out = new ZipOutputStream(bytes)) {
            for (String name : List.of(
                    "set/b/2.png", "../evil.png", "set/a/" + "n".repeat(150) + ".png", "set/a/1.png", "x.txt")) {
                out.putNextEntry(new ZipEntry(name));
                out.write(TestImages.png(name.length() % 7 + 1, 2));
            }
        }
        put("a.zip", bytes.toByteArray());
        for (String file : List.of("gnu.tar", "pax.tar", "pax.tgz", "a.zip")) {
            checkArchive(file);
        }
    }

    @Test
    void everyTruncatedTarIsRefusedWithItsPosition() throws IOException {
        byte[] whole = tar(TarArchiveOutputStream.LONGFILE_GNU);
        int end = whole.length;
        while (whole[end - 1] == 0) {
            end--;
        }
        for (int n = 0; n < end; n += 101) {
            put("cut.tar", Arrays.copyOf(whole, n));
            assertTrue(message(dir + "/cut.tar").contains("at byte "), message(dir + "/cut.tar"));
            put("cut.tar", gzip(Arrays.copyOf(whole, n)));
            assertTrue(message(dir + "/cut.tar").contains("at byte "));
        }
        put("cut.tar", Arrays.copyOf(gzip(whole), 200));
        assertTrue(message(dir + "/cut.tar").contains("gzip stream is truncated"));
    }

    @Test
    void wrongChecksumsAndSizesOfATarAreRefused() throws IOException {
        byte[] bad = tar(TarArchiveOutputStream.LONGFILE_GNU);
        bad[3] ^= 1;
        put("bad.tar", bad);
        assertTrue(message(dir + "/bad.tar").contains("wrong checksum, at byte 0"));
        for (int first : new int[] {0xff, 0x80}) { // negative, and 8 EiB
            byte[] header = Arrays.copyOf(tar(TarArchiveOutputStream.LONGFILE_GNU), 512);
            Arrays.fill(header, 124, 136, (byte) 0xff);
            header[124] = (byte) first;
            Arrays.fill(header, 148, 156, (byte) ' ');
            int sum = IntStream.range(0, 512).map(i -> header[i] & 0xff).sum();
            byte[] text = String.format("%06o", sum).getBytes(StandardCharsets.US_ASCII);
            System.arraycopy(text, 0, header, 148, 6);
            put("bad.tar", header);
            assertTrue(message(dir + "/bad.tar").contains("at byte 0"), message(dir + "/bad.tar"));
        }
    }

    private static byte[] idx(int magic, int... sizes) {
        int bytes = Arrays.stream(sizes).reduce(1, (a, b) -> a * b);
        ByteBuffer out = ByteBuffer.allocate(4 + 4 * sizes.length + bytes).putInt(magic);
        Arrays.stream(sizes).forEach(out::putInt);
        for (int i = 0; i < bytes; i++) {
            out.put((byte) (i % 3));
        }
        return out.array();
    }

    @Test
    void idxFilesPlainOrGzipped() throws IOException {
        put("train-images-idx3-ubyte.gz", gzip(idx(0x803, 12, 4, 5)));
        put("train-labels-idx1-ubyte", idx(0x801, 12));
        put("t10k-images-idx3-ubyte", idx(0x803, 2, 4, 5));
        try (ImageSource source = DataSets.open(dir.toString())) {
            assertEquals(12, source.size());
            assertEquals(List.of("0", "1", "2"), source.classes());
            assertEquals("train-images-idx3-ubyte#07", source.name(7));
            assertEquals(1, source.label(7));
            assertEquals(20 * 7 % 3, source.read(7).pixels()[0]);
            assertEquals(5, source.read(7).width());
        }
        assertEquals(2, DataSets.openTest(dir.toString()).orElseThrow().size());
        put("train-labels-idx1-ubyte", idx(0x801, 11));
        assertTrue(message(dir.toString()).contains("has 11 labels"));
        put("train-images-idx3-ubyte.gz", Arrays.copyOf(idx(0x803, 12, 4, 5), 100));
        assertTrue(message(dir.toString()).contains("promises 240 bytes, but only 84 follow"));
    }

    @Test
    void holdoutIsDisjointAndIgnoresOtherFiles() throws IOException {
        for (int i = 0; i < 200; i++) {
            put("n" + i + ".png", new byte[1]);
        }
        ImageSource.Holdout before = DataSets.open(dir.toString()).holdout(0.1, 5);
        for (int i = 200; i < 300; i++) {
            put("m" + i + ".png", new byte[1]);
        }
        ImageSource.Holdout after = DataSets.open(dir.toString()).holdout(0.1, 5);
        Set<String> train = new HashSet<>(names(after.train()));
        Set<String> heldOut = new HashSet<>(names(after.heldOut()));
        assertTrue(train.containsAll(names(before.train())) && heldOut.containsAll(names(before.heldOut())));
        assertEquals(300, train.size() + heldOut.size());
        assertTrue(heldOut.size() > 15 && heldOut.size() < 50, "held out: " + heldOut.size());
    }

    @Test
    void normalizationIsMeasuredOverTheImages() throws IOException {
        put("1.png", TestImages.png(8, 8));
        put("2.png", TestImages.png(20, 9));
        try (ImageSource source = DataSets.open(dir.toString())) {
            Normalization got = Normalization.measure(source, 3, 10, false);
            assertEquals((3.5 * 5 + 9.5 * 5) / 2 / 255, got.mean()[0], 1e-6);
            assertEquals((3.5 * 7 + 4 * 7) / 2 / 255, got.mean()[1], 1e-6);
        }
    }
}
