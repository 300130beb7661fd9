package sdae.look;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sdae.data.BadImageException;
import sdae.data.CenterFit;
import sdae.data.DataSets;
import sdae.data.ImageSource;
import sdae.data.Normalization;
import sdae.eval.Backbone;
import sdae.io.SafetensorsReader;
import sdae.kernels.Native;
import sdae.tensor.Arena;
import sdae.tensor.Tape;

class FeatureFileTest {
    private static final int COUNT = 23;
    private static final int WIDTH = 16;
    private static final int TOKENS = 17;
    private static final Normalization PIXELS =
            new Normalization(new float[] {0.5f, 0.4f, 0.3f}, new float[] {0.2f, 0.3f, 0.25f});

    @TempDir
    Path folder;

    private Backbone backbone;

    @BeforeEach
    void imagesAndNetwork() throws IOException {
        for (int i = 0; i < COUNT; i++) {
            BufferedImage image = new BufferedImage(20 + i % 3, 18, BufferedImage.TYPE_INT_RGB);
            for (int p = 0; p < 20 * 18; p++) {
                image.setRGB(p % 20, p / 20, p * 7919 * (i + 1));
            }
            Path file = folder.resolve("images/class" + i % 2 + "/a, \"" + i + "\".png");
            Files.createDirectories(file.getParent());
            ImageIO.write(image, "png", file.toFile());
        }
        Files.writeString(folder.resolve("config.yaml"), """
                image.size: 16
                in_chans: 3
                model.patch: 4
                model.width: 16
                model.depth: 2
                model.heads: 2
                """);
        Backbone.Origin origin = new Backbone.Origin(folder, Backbone.Network.UNTRAINED, List.of(), true);
        backbone = Backbone.open(origin, line -> {});
    }

    @AfterEach
    void close() {
        backbone.close();
    }

    private Path write(String name, Tokens tokens, int batch, List<String> bad) throws IOException {
        Path file = folder.resolve(name);
        try (ImageSource source = DataSets.open(folder.resolve("images").toString());
                FeatureStream stream =
                        new FeatureStream(backbone, source, PIXELS, tokens, batch, bad == null ? null : bad::add)) {
            FeatureFile.write(stream, file);
        }
        return file;
    }

    /** NumPy's format read from its definition; returns the shape, then fills values. */
    private static List<Integer> readNpy(Path file, List<Float> values) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        byte[] magic = new byte[8];
        bytes.get(magic);
        assertArrayEquals(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0}, magic);
        byte[] header = new byte[Short.toUnsignedInt(bytes.getShort())];
        bytes.get(header);
        assertEquals(0, bytes.position() % 64);
        String text = new String(header, StandardCharsets.US_ASCII);
        assertTrue(text.endsWith("\n"));
        Matcher fields = Pattern.compile(
                        "\\{'descr': '<f4', 'fortran_order': False, 'shape': \\(([0-9, ]+)\\), \\} *\n")
                .matcher(text);
        assertTrue(fields.matches(), text);
        while (bytes.hasRemaining()) {
            values.add(bytes.getFloat());
        }
        return Arrays.stream(fields.group(1).split(", ")).map(Integer::valueOf).toList();
    }

    /** Tokens of each image, computed alone. */
    private float[][] alone() {
        float[][] tokens = new float[COUNT][];
        CenterFit fit = new CenterFit(16, 16, PIXELS);
        try (ImageSource source = DataSets.open(folder.resolve("images").toString());
                Arena arena = new Arena(backbone.backend())) {
            for (int i = 0; i < COUNT; i++) {
                float[] pixels = new float[fit.outputSize()];
                fit.apply(source.read(i), pixels, 0, null);
                try (Tape tape = arena.open()) {
                    tokens[i] = backbone.encoder()
                            .infer(tape, tape.of(pixels, 1, 3, 16, 16), null, 1)
                            .toFloats();
                }
            }
        }
        return tokens;
    }

    @Test
    void everyPoolingIsThatOfTheImageAlone() throws IOException {
        float[][] alone = alone();
        for (Tokens kind : Tokens.values()) {
            List<Float> values = new ArrayList<>();
            List<Integer> shape = readNpy(write(kind + ".npy", kind, 5, null), values);
            assertEquals(kind == Tokens.TOKENS ? List.of(COUNT, TOKENS, WIDTH) : List.of(COUNT, WIDTH), shape);
            int each = values.size() / COUNT;
            for (int i = 0; i < values.size(); i++) {
                float[] tokens = alone[i / each];
                double expected = tokens[i % each];
                if (kind == Tokens.MEAN) {
                    expected = 0;
                    for (int t = 1; t < TOKENS; t++) {
                        expected += tokens[t * WIDTH + i % WIDTH] / (TOKENS - 1.0);
                    }
                }
                assertEquals(expected, values.get(i), kind == Tokens.MEAN ? 1e-6 : 0, kind + " value " + i);
            }
        }
    }

    @Test
    void anyBatchAndAnyThreadsGiveTheSameBytes() throws IOException {
        byte[] first = Files.readAllBytes(write("first.npy", Tokens.MEAN, 32, null));
        try {
            for (int[] how : new int[][] {{1, 1}, {7, 3}, {COUNT, 2}}) {
                Native.sk_set_threads(how[1]);
                byte[] other = Files.readAllBytes(write("b" + how[0] + ".npy", Tokens.MEAN, how[0], null));
                assertArrayEquals(first, other, "batch " + how[0] + ", threads " + how[1]);
            }
        } finally {
            Native.sk_set_threads(Runtime.getRuntime().availableProcessors());
        }
    }

    @Test
    void allFormatsHoldTheSameValuesAndNames() throws IOException {
        List<Float> npy = new ArrayList<>();
        readNpy(write("a.npy", Tokens.CLS, 4, null), npy);
        List<String> names = Files.readAllLines(folder.resolve("a.npy.names.csv"));
        assertEquals("name,class", names.get(0));
        assertEquals("\"class0/a, \"\"0\"\".png\",class0", names.get(1));
        assertEquals(1 + COUNT, names.size());
        try (SafetensorsReader reader = SafetensorsReader.open(write("a.safetensors", Tokens.CLS, 4, null))) {
            assertArrayEquals(new long[] {COUNT, WIDTH}, reader.shape("features"));
            float[] values = reader.floats("features");
            for (int i = 0; i < values.length; i++) {
                assertEquals(npy.get(i), values[i]);
            }
            assertEquals(0, reader.ints("labels")[0]);
            assertEquals(1, reader.ints("labels")[COUNT - 1]);
            String json = new String(reader.bytes("names"), StandardCharsets.UTF_8);
            assertTrue(json.startsWith("[\"class0/a, \\\"0\\\".png\","), json);
            assertEquals("[\"class0\",\"class1\"]", reader.metadata().get("classes"));
        }
        List<String> lines = Files.readAllLines(write("a.csv", Tokens.CLS, 4, null));
        assertTrue(lines.get(0).startsWith("name,class,f0,f1,"), lines.get(0));
        String last = lines.get(COUNT);
        assertEquals(npy.get(npy.size() - 1), Float.parseFloat(last.substring(last.lastIndexOf(',') + 1)));
    }

    @Test
    void aBrokenImageIsAnErrorThatLeavesNoFileOrARowOfNaN() throws IOException {
        Path broken = folder.resolve("images/class0/a, \"4\".png");
        byte[] bytes = Files.readAllBytes(broken);
        Files.write(broken, Arrays.copyOf(bytes, bytes.length / 2));
        assertThrows(BadImageException.class, () -> write("no.npy", Tokens.MEAN, 4, null));
        try (Stream<Path> left = Files.list(folder)) {
            assertFalse(left.anyMatch(p -> p.getFileName().toString().contains("no.npy")));
        }
        List<String> told = new ArrayList<>();
        List<Float> values = new ArrayList<>();
        readNpy(write("yes.npy", Tokens.MEAN, 4, told), values);
        assertEquals(1, told.size());
        assertTrue(told.get(0).contains("class0/a, \"4\".png"), told.get(0));
        long bad = values.stream().filter(v -> v.isNaN()).count();
        assertEquals(WIDTH, bad);
    }
}
