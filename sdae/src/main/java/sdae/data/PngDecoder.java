package sdae.data;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import sdae.io.Printable;

/**
 * PNG (W3C PNG, third edition) of every colour type and depth, interlaced or not. Our own, because ImageIO takes wrong
 * checksums and shifts grey levels, and because the work is the JDK's native inflate in any case. Checks every checksum.
 */
final class PngDecoder {
    private static final byte[] SIGNATURE = {(byte) 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    private static final int GREY = 0;
    private static final int RGB = 2;
    private static final int PALETTE = 3;
    private static final int GREY_ALPHA = 4;
    private static final int RGBA = 6;
    /** x start, y start, x step, y step of the seven Adam7 passes. */
    private static final int[][] ADAM7 = {
        {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}
    };

    private final byte[] file;
    private final String path;
    private final List<int[]> data = new ArrayList<>(); // offset and length of each IDAT
    private final byte[] palette = new byte[3 * 256]; // already composited on black
    private int paletteSize;
    private int width;
    private int height;
    private int depth;
    private int type = -1;
    private boolean interlaced;
    private int[] transparent; // the colour that counts as transparent, for GREY and RGB

    private PngDecoder(byte[] file, String path) {
        this.file = file;
        this.path = path;
    }

    static boolean isPng(byte[] file) {
        return file.length >= 8 && Arrays.equals(file, 0, 8, SIGNATURE, 0, 8);
    }

    static RawImage decode(byte[] file, String path) {
        PngDecoder png = new PngDecoder(file, path);
        png.chunks();
        return png.image();
    }

    private void chunks() {
        CRC32 crc = new CRC32();
        int at = 8;
        while (true) {
            long length = at + 12 <= file.length ? Integer.toUnsignedLong(i32(at)) : Long.MAX_VALUE / 2;
            if (at + 12 + length > file.length) {
                throw bad("truncated in the chunk at byte " + at);
            }
            String name = new String(file, at + 4, 4, StandardCharsets.ISO_8859_1);
            int body = at + 8;
            int size = (int) length;
            crc.reset();
            crc.update(file, at + 4, size + 4);
            if ((int) crc.getValue() != i32(body + size)) {
                throw bad("wrong checksum of chunk " + Printable.of(name) + " at byte " + at);
            }
            if ((type < 0) != name.equals("IHDR")) {
                throw bad("the header must come first and once");
            }
            switch (name) {
                case "IHDR" -> header(body, size);
                case "PLTE" -> palette(body, size);
                case "tRNS" -> transparency(body, size);
                case "IDAT" -> data.add(new int[] {body, size});
                case "IEND" -> {
                    return;
                }
                default -> {
                    if (Character.isUpperCase(name.charAt(0))) {
                        throw bad("unknown critical chunk " + Printable.of(name));
                    }
                }
            }
            at = body + size + 4;
        }
    }

    private void header(int at, int size) {
        if (size != 13) {
            throw bad("header of " + size + " bytes");
        }
        JpegFile.checkSize(Integer.toUnsignedLong(i32(at)), Integer.toUnsignedLong(i32(at + 4)), path);
        width = i32(at);
        height = i32(at + 4);
        depth = file[at + 8];
        type = file[at + 9];
        interlaced = file[at + 12] == 1;
        boolean known = switch (type) {
            case GREY -> depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
            case PALETTE -> depth == 1 || depth == 2 || depth == 4 || depth == 8;
            case RGB, GREY_ALPHA, RGBA -> depth == 8 || depth == 16;
            default -> false;
        };
        if (!known || file[at + 10] != 0 || file[at + 11] != 0 || (file[at + 12] & 0xfe) != 0) {
            throw bad("colour type " + type + " with " + depth + " bits, or an unknown method");
        }
    }

    private void palette(int at, int size) {
        if (size % 3 != 0 || size > palette.length) {
            throw bad("palette of " + size + " bytes");
        }
        System.arraycopy(file, at, palette, 0, size);
        paletteSize = size / 3;
    }

    private void transparency(int at, int size) {
        if (type == PALETTE) {
            for (int i = 0; i < Math.min(size, paletteSize); i++) {
                for (int c = 3 * i; c < 3 * i + 3; c++) {
                    palette[c] = onBlack(palette[c] & 0xff, file[at + i] & 0xff);
                }
            }
        } else if ((type == GREY && size == 2) || (type == RGB && size == 6)) {
            transparent = new int[size / 2];
            for (int i = 0; i < transparent.length; i++) {
                transparent[i] = ((file[at + 2 * i] & 0xff) << 8) | (file[at + 2 * i + 1] & 0xff);
            }
        }
    }

    private RawImage image() {
        if (data.isEmpty() || (type == PALETTE && paletteSize == 0)) {
            throw bad("no image data");
        }
        int channels = type == GREY || type == GREY_ALPHA ? 1 : 3;
        byte[] out = new byte[Math.multiplyExact(width * height, channels)];
        Stream stream = new Stream();
        try {
            for (int[] pass : interlaced ? ADAM7 : new int[][] {{0, 0, 1, 1}}) {
                int columns = (width - pass[0] + pass[2] - 1) / pass[2];
                int rows = (height - pass[1] + pass[3] - 1) / pass[3];
                if (columns > 0 && rows > 0) {
                    pass(stream, columns, rows, pass, out, channels);
                }
            }
            stream.finish();
        } catch (DataFormatException e) {
            throw new BadImageException(
                    path, "damaged image data: " + e.getMessage(), "fetch it again or remove it", e);
        } finally {
            stream.inflater.end();
        }
        return new RawImage(width, height, channels, out);
    }

    private void pass(Stream stream, int columns, int rows, int[] pass, byte[] out, int channels)
            throws DataFormatException {
        int samples = type == RGB ? 3 : type == RGBA ? 4 : type == GREY_ALPHA ? 2 : 1;
        int pixelBytes = Math.max(1, samples * depth / 8);
        int rowBytes = (int) (((long) columns * samples * depth + 7) / 8);
        byte[] row = new byte[rowBytes + 1]; // the filter type, then the samples
        byte[] above = new byte[rowBytes + 1];
        for (int y = 0; y < rows; y++) {
            stream.read(row);
            unfilter(row, above, pixelBytes);
            int o = ((pass[1] + y * pass[3]) * width + pass[0]) * channels;
            expand(row, columns, out, o, pass[2] * channels);
            byte[] swap = above;
            above = row;
            row = swap;
        }
    }

    private void unfilter(byte[] row, byte[] above, int step) {
        switch (row[0]) {
            case 0 -> {}
            case 1 -> {
                for (int i = 1 + step; i < row.length; i++) {
                    row[i] += row[i - step];
                }
            }
            case 2 -> {
                for (int i = 1; i < row.length; i++) {
                    row[i] += above[i];
                }
            }
            case 3 -> {
                for (int i = 1; i < row.length; i++) {
                    int left = i > step ? row[i - step] & 0xff : 0;
                    row[i] = (byte) (row[i] + ((left + (above[i] & 0xff)) >> 1));
                }
            }
            case 4 -> {
                for (int i = 1; i < row.length; i++) {
                    int a = i > step ? row[i - step] & 0xff : 0;
                    int b = above[i] & 0xff;
                    int c = i > step ? above[i - step] & 0xff : 0;
                    int pa = Math.abs(b - c);
                    int pb = Math.abs(a - c);
                    int pc = Math.abs(a + b - 2 * c);
                    row[i] = (byte) (row[i] + (pa <= pb && pa <= pc ? a : pb <= pc ? b : c));
                }
            }
            default -> throw bad("unknown row filter " + row[0]);
        }
    }

    /** Writes the pixels of a row at o, o + step, ... */
    private void expand(byte[] row, int columns, byte[] out, int o, int step) {
        for (int x = 0, p = o; x < columns; x++, p += step) {
            switch (type) {
                case GREY -> {
                    int v = depth < 8 ? bits(row, x) : sample(row, x);
                    boolean clear = transparent != null && transparent[0] == v;
                    out[p] = clear ? 0 : (byte) (depth < 8 ? v * 255 / ((1 << depth) - 1) : level(v));
                }
                case PALETTE -> {
                    int v = depth < 8 ? bits(row, x) : sample(row, x);
                    if (v >= paletteSize) {
                        throw bad("colour " + v + " is not in the palette of " + paletteSize);
                    }
                    System.arraycopy(palette, 3 * v, out, p, 3);
                }
                case GREY_ALPHA -> out[p] = onBlack(level(sample(row, 2 * x)), level(sample(row, 2 * x + 1)));
                case RGB -> {
                    boolean clear = transparent != null;
                    for (int c = 0; c < 3; c++) {
                        int v = sample(row, 3 * x + c);
                        clear = clear && transparent[c] == v;
                        out[p + c] = (byte) level(v);
                    }
                    if (clear) {
                        Arrays.fill(out, p, p + 3, (byte) 0);
                    }
                }
                default -> {
                    int alpha = level(sample(row, 4 * x + 3));
                    for (int c = 0; c < 3; c++) {
                        out[p + c] = onBlack(level(sample(row, 4 * x + c)), alpha);
                    }
                }
            }
        }
    }

    private int bits(byte[] row, int x) {
        int bit = x * depth;
        return (row[1 + (bit >> 3)] >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
    }

    private int sample(byte[] row, int i) {
        return depth == 16 ? ((row[1 + 2 * i] & 0xff) << 8) | (row[2 + 2 * i] & 0xff) : row[1 + i] & 0xff;
    }

    /** A sample as 0..255, rounded: v * 255 / 65535 = v / 257. */
    private int level(int sample) {
        return depth == 16 ? (sample + 128) / 257 : sample;
    }

    private static byte onBlack(int value, int alpha) {
        return (byte) ((value * alpha + 127) / 255);
    }

    private int i32(int at) {
        return ByteBuffer.wrap(file).getInt(at);
    }

    private BadImageException bad(String reason) {
        return new BadImageException(path, reason, "fetch or convert it again, or remove it");
    }

    /** The inflated contents of all IDAT chunks. */
    private final class Stream {
        private final Inflater inflater = new Inflater();
        private int chunk;

        /** Fills the buffer. */
        void read(byte[] buffer) throws DataFormatException {
            int n = 0;
            while (n < buffer.length) {
                int got = inflater.inflate(buffer, n, buffer.length - n);
                n += got;
                if (got == 0 && !feed()) {
                    throw bad("truncated image data");
                }
            }
        }

        /** Reads on to the checksum of the stream. */
        void finish() throws DataFormatException {
            byte[] rest = new byte[64];
            while (!inflater.finished()) {
                if (inflater.inflate(rest) == 0 && !inflater.finished() && !feed()) {
                    throw bad("truncated image data");
                }
            }
        }

        private boolean feed() {
            if (inflater.finished() || inflater.needsDictionary() || !inflater.needsInput() || chunk == data.size()) {
                return false;
            }
            int[] next = data.get(chunk++);
            inflater.setInput(file, next[0], next[1]);
            return true;
        }
    }
}
