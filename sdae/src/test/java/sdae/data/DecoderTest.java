package sdae.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;

class DecoderTest {
    private static final List<ImageDecoder> DECODERS = List.of(new JavaDecoder(), new OpenCvDecoder());

    private static void refused(byte[] file, String text) {
        for (ImageDecoder decoder : DECODERS) {
            BadImageException e = assertThrows(BadImageException.class, () -> decoder.decode(file, "a.jpg"));
            assertTrue(
                    e.getMessage().startsWith("bad image a.jpg: ")
                            && e.getMessage().contains(text),
                    e.getMessage());
        }
    }

    @Test
    void decodersAgreeOnJpegWithinTwoLevels() {
        for (int[] size : new int[][] {{1, 1}, {7, 5}, {33, 64}, {200, 151}}) {
            boolean progressive = size[0] == 33;
            for (int type : new int[] {BufferedImage.TYPE_INT_RGB, BufferedImage.TYPE_BYTE_GRAY}) {
                byte[] file = TestImages.encode(TestImages.picture(size[0], size[1], type), "jpeg", progressive);
                RawImage a = DECODERS.get(0).decode(file, "x");
                RawImage b = DECODERS.get(1).decode(file, "x");
                assertEquals(type == BufferedImage.TYPE_INT_RGB ? 3 : 1, a.channels());
                assertEquals(List.of(size[0], size[1], a.channels()), List.of(b.width(), b.height(), b.channels()));
                for (int i = 0; i < a.pixels().length; i++) {
                    assertEquals(a.pixels()[i] & 0xff, b.pixels()[i] & 0xff, 2);
                }
            }
        }
    }

    @Test
    void pngIsExactForEveryKindThatImageIoWrites() {
        int[] types = {
            BufferedImage.TYPE_INT_RGB, BufferedImage.TYPE_INT_ARGB, BufferedImage.TYPE_BYTE_GRAY,
            BufferedImage.TYPE_BYTE_INDEXED, BufferedImage.TYPE_BYTE_BINARY, BufferedImage.TYPE_USHORT_GRAY
        };
        for (int i = 0; i < 2 * types.length; i++) { // odd: interlaced
            int type = types[i / 2];
            BufferedImage picture = TestImages.picture(37, 21, type);
            RawImage got = DECODERS.get(0).decode(TestImages.encode(picture, "png", i % 2 == 1), "x");
            boolean grey = type == BufferedImage.TYPE_BYTE_GRAY
                    || type == BufferedImage.TYPE_USHORT_GRAY
                    || type == BufferedImage.TYPE_BYTE_BINARY;
            assertEquals(grey && got.channels() == 1 ? 1 : 3, got.channels());
            for (int y = 0; y < 21; y++) {
                for (int x = 0; x < 37; x++) {
                    for (int c = 0; c < got.channels(); c++) {
                        assertEquals(
                                sample(picture, type, x, y, c), got.pixels()[(y * 37 + x) * got.channels() + c] & 0xff);
                    }
                }
            }
        }
    }

    private static int sample(BufferedImage picture, int type, int x, int y, int c) {
        if (type == BufferedImage.TYPE_BYTE_GRAY) {
            return picture.getRaster().getSample(x, y, 0);
        }
        if (type == BufferedImage.TYPE_USHORT_GRAY) {
            return Math.round(picture.getRaster().getSample(x, y, 0) * 255f / 65535);
        }
        int argb = picture.getRGB(x, y);
        return Math.round(((argb >> (16 - 8 * c)) & 0xff) * (argb >>> 24) / 255f);
    }

    @Test
    void emptyAndForeignFilesAreRefused() {
        refused(new byte[0], "empty file");
        refused("hello, I am no picture".getBytes(StandardCharsets.UTF_8), "neither JPEG nor PNG");
    }

    @Test
    void everyTruncationIsRefused() {
        for (byte[] file : List.of(TestImages.jpeg(19, 15), TestImages.png(19, 15))) {
            for (int n = 0; n < file.length; n++) {
                byte[] cut = Arrays.copyOf(file, n);
                assertThrows(BadImageException.class, () -> DECODERS.get(1).decode(cut, "x"));
            }
        }
    }

    @Test
    void everyFlippedBitOfAPngIsRefused() {
        byte[] file = TestImages.png(9, 5);
        for (int bit = 0; bit < 8 * file.length; bit++) {
            byte[] flipped = file.clone();
            flipped[bit / 8] ^= (byte) (1 << (bit % 8));
            assertThrows(BadImageException.class, () -> DECODERS.get(0).decode(flipped, "x"));
        }
    }

    @Test
    void flippedBitsOfAJpegGiveAnImageOrABadImage() {
        byte[] file = TestImages.jpeg(19, 15);
        for (int bit = 0; bit < 8 * file.length; bit += 13) {
            byte[] flipped = file.clone();
            flipped[bit / 8] ^= (byte) (1 << (bit % 8));
            for (ImageDecoder decoder : DECODERS) {
                try {
                    decoder.decode(flipped, "x");
                } catch (BadImageException e) {
                    assertEquals("x", e.path());
                }
            }
        }
    }

    @Test
    void bombsAreRefusedByTheirHeader() {
        for (int side : new int[] {25_000, 60_000, Integer.MAX_VALUE}) {
            byte[] file = TestImages.png(4, 4);
            ByteBuffer.wrap(file).putInt(16, side).putInt(20, side);
            CRC32 crc = new CRC32();
            crc.update(file, 12, 17);
            ByteBuffer.wrap(file).putInt(29, (int) crc.getValue());
            refused(file, side + " x " + side + " is over the limit of 89478485 pixels");
        }
    }

    @Test
    void cmykIsRefusedByName() {
        byte[] file = TestImages.jpeg(8, 8);
        for (int i = 0; i < file.length - 9; i++) {
            if (file[i] == -1 && (file[i + 1] & 0xff) == 0xc0) {
                byte[] cmyk = new byte[file.length + 3];
                System.arraycopy(file, 0, cmyk, 0, i + 19);
                System.arraycopy(file, i + 19, cmyk, i + 22, file.length - i - 19);
                cmyk[i + 3] = (byte) (cmyk[i + 3] + 3);
                cmyk[i + 9] = 4;
                refused(cmyk, "CMYK");
                return;
            }
        }
        throw new AssertionError("the test found no frame header");
    }

    /** The JPEG with an EXIF segment that says how to turn it. */
    private static byte[] turned(byte[] file, int orientation) {
        ByteBuffer out = ByteBuffer.allocate(file.length + 36).put(file, 0, 2);
        out.putShort((short) 0xffe1).putShort((short) 34).put("Exif\0\0MM\0*".getBytes(StandardCharsets.US_ASCII));
        out.putInt(8).putShort((short) 1); // one entry at 8: tag 274, one short
        out.putShort((short) 0x0112).putShort((short) 3).putInt(1).putShort((short) orientation);
        return out.position(38).put(file, 2, file.length - 2).array();
    }

    @Test
    void exifOrientationTurnsTheImageUpright() {
        byte[] file = TestImages.jpeg(24, 16);
        byte[] turned = turned(file, 6);
        for (ImageDecoder decoder : DECODERS) {
            RawImage plain = decoder.decode(file, "x");
            RawImage upright = decoder.decode(turned, "x");
            assertEquals(16, upright.width()); // 6: turned by 90 degrees clockwise
            for (int y = 0; y < 24; y++) {
                for (int x = 0; x < 16; x++) {
                    assertEquals(plain.pixels()[((15 - x) * 24 + y) * 3], upright.pixels()[(y * 16 + x) * 3]);
                }
            }
        }
    }

    @Test
    void aBufferUsedAgainGivesThePixelsThatAnArrayGets() {
        BufferedImage colour = TestImages.picture(61, 47, BufferedImage.TYPE_INT_RGB);
        BufferedImage grey = TestImages.picture(33, 64, BufferedImage.TYPE_BYTE_GRAY);
        List<byte[]> files = List.of(
                TestImages.jpeg(61, 47),
                TestImages.encode(grey, "jpeg"),
                TestImages.encode(colour, "jpeg", true),
                turned(TestImages.jpeg(24, 16), 6),
                TestImages.png(19, 15),
                TestImages.encode(TestImages.picture(9, 5, BufferedImage.TYPE_USHORT_GRAY), "png"),
                TestImages.encode(TestImages.picture(9, 5, BufferedImage.TYPE_BYTE_INDEXED), "png"),
                TestImages.jpeg(80, 70),
                TestImages.jpeg(1, 1));
        for (ImageDecoder decoder : DECODERS) {
            NativeBuffer memory = new NativeBuffer();
            for (byte[] file : files) {
                RawImage array = decoder.decode(file, "x");
                byte[] before = array.pixels().clone();
                RawImage image = decoder.decode(file, "x", memory);
                assertEquals(
                        List.of(array.width(), array.height(), array.channels()),
                        List.of(image.width(), image.height(), image.channels()));
                assertArrayEquals(before, image.pixels());
                assertArrayEquals(before, array.pixels());
            }
        }
    }

    @Test
    void openCvDecodesInPlaceWithoutNewMemory() {
        NativeBuffer memory = new NativeBuffer();
        byte[] large = TestImages.jpeg(80, 70);
        RawImage first = DECODERS.get(1).decode(large, "x", memory);
        long address = memory.address;
        for (byte[] file : List.of(TestImages.jpeg(61, 47), large, TestImages.jpeg(1, 1))) {
            RawImage image = DECODERS.get(1).decode(file, "x", memory);
            assertTrue(image.memory().isDirect());
            assertEquals(address, memory.address);
            assertEquals(address, new Pointer(image.memory()).address());
        }
        assertTrue(first.memory().isDirect());
    }

    @Test
    void aHugeImageDoesNotStayInTheBuffer() {
        BufferedImage huge = new BufferedImage(4097, 4096, BufferedImage.TYPE_BYTE_GRAY);
        NativeBuffer memory = new NativeBuffer();
        assertFalse(DECODERS.get(1)
                .decode(TestImages.encode(huge, "jpeg"), "x", memory)
                .memory()
                .isDirect());
        assertEquals(0, memory.bytes.capacity());
    }

    @Test
    void damageInPlaceIsRefusedAndTheBufferGoesOn() {
        byte[] file = TestImages.jpeg(19, 15);
        byte[] expected = DECODERS.get(1).decode(file, "x").pixels();
        NativeBuffer memory = new NativeBuffer();
        for (int bit = 0; bit < 8 * file.length; bit += 5) {
            byte[] flipped = file.clone();
            flipped[bit / 8] ^= (byte) (1 << (bit % 8));
            RawImage array = null;
            RawImage image = null;
            try {
                array = DECODERS.get(1).decode(flipped, "x");
            } catch (BadImageException e) {
                assertEquals("x", e.path());
            }
            try {
                image = DECODERS.get(1).decode(flipped, "x", memory);
            } catch (BadImageException e) {
                assertEquals("x", e.path());
            }
            assertEquals(array == null, image == null, "bit " + bit);
            if (array != null) {
                assertArrayEquals(array.pixels(), image.pixels(), "bit " + bit);
            }
            assertArrayEquals(
                    expected, DECODERS.get(1).decode(file, "x", memory).pixels());
        }
    }

    @Test
    void greyAndColourConvertByTheDocumentedFormula() {
        RawImage colour = new RawImage(2, 1, 3, new byte[] {(byte) 255, 0, 0, 10, 20, 30});
        assertArrayEquals(new byte[] {76, 18}, colour.withChannels(1).pixels());
        assertArrayEquals(
                new byte[] {7, 7, 7},
                new RawImage(1, 1, 1, new byte[] {7}).withChannels(3).pixels());
    }
}
