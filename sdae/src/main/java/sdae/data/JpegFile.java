package sdae.data;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Locale;

/**
 * The checked structure of a JPEG file (ITU-T T.81 annex B): every segment within the file, one frame of 8-bit Huffman-coded
 * samples, restart markers in sequence, an end-of-image marker. Decoders repair what they can and say nothing, so a truncated
 * file must be found here.
 */
public final class JpegFile {
    private static final int SOI = 0xd8;
    private static final int EOI = 0xd9;
    private static final int SOS = 0xda;

    private final byte[] file;
    private final String path;
    private int width;
    private int height;
    private int components;
    private int orientation = 1;
    private int restartInterval;
    private boolean colourMarked;
    private boolean namedRgb;
    private int end;

    private JpegFile(byte[] file, String path) {
        this.file = file;
        this.path = path;
    }

    static boolean isJpeg(byte[] file) {
        return file.length >= 3 && u8(file, 0) == 0xff && u8(file, 1) == SOI && u8(file, 2) == 0xff;
    }

    /** Checks the whole file; nothing is decoded. */
    static JpegFile parse(byte[] file, String path) {
        JpegFile jpeg = new JpegFile(file, path);
        jpeg.walk(null);
        return jpeg;
    }

    public int width() {
        return width;
    }

    public int height() {
        return height;
    }

    /** 1 (grey) or 3 (colour). */
    public int components() {
        return components;
    }

    /** EXIF orientation, 1..8; 1 if there is none. */
    public int orientation() {
        return orientation;
    }

    /** The file up to its end-of-image marker. The array is the caller's own: do not write to it. */
    byte[] bytes() {
        return file;
    }

    int length() {
        return end;
    }

    /**
     * A copy without colour profiles, EXIF and comments, for decoders that would act on those; a colour file that names no
     * colour model is marked as YCbCr (by a JFIF segment), which is what libjpeg takes it for.
     */
    byte[] essential() {
        ByteArrayOutputStream out = new ByteArrayOutputStream(end + 20);
        out.write(0xff);
        out.write(SOI);
        if (!colourMarked && !namedRgb) {
            out.writeBytes(
                    new byte[] {(byte) 0xff, (byte) 0xe0, 0, 16, 'J', 'F', 'I', 'F', 0, 1, 1, 0, 0, 1, 0, 1, 0, 0});
        }
        new JpegFile(file, path).walk(out);
        return out.toByteArray();
    }

    /** Walks all segments from the start; copies the needed ones if out is given. */
    private void walk(ByteArrayOutputStream out) {
        int at = 2;
        boolean scanned = false;
        while (true) {
            int marker = marker(at);
            while (u8(file, at + 1) == 0xff) {
                at++; // fill bytes
            }
            if (marker == EOI) {
                end = at + 2;
                copy(out, at, end);
                break;
            }
            if (marker < 0xc0 || (marker >= 0xd0 && marker <= SOI)) {
                throw bad("marker " + String.format(Locale.ROOT, "%02x", marker) + " out of place at byte " + at);
            }
            int length = at + 4 <= file.length ? u16(at + 2) : 0;
            if (length < 2 || at + 2 + length > file.length) {
                throw bad("truncated in the segment at byte " + at);
            }
            int next = at + 2 + length;
            segment(marker, at + 4, next);
            if (marker == SOS) {
                if (components == 0) {
                    throw bad("scan before frame header");
                }
                next = entropyEnd(next);
                scanned = true;
            }
            if (marker < 0xe1 || marker == 0xee) { // all but EXIF, profiles, other application data and comments
                copy(out, at, next);
            }
            at = next;
        }
        if (!scanned) {
            throw bad("no image data");
        }
    }

    private void copy(ByteArrayOutputStream out, int from, int to) {
        if (out != null) {
            out.write(file, from, to - from);
        }
    }

    private int marker(int at) {
        int i = at;
        while (i < file.length && u8(file, i) == 0xff) {
            i++;
        }
        if (i >= file.length) {
            throw bad("truncated: no end-of-image marker in " + file.length + " bytes");
        }
        if (i == at) {
            throw bad("no marker where one must be, at byte " + at);
        }
        return u8(file, i);
    }

    private void segment(int marker, int from, int to) {
        if (marker == 0xdd && to - from >= 2) {
            restartInterval = u16(from);
        } else if (marker == 0xe0 || marker == 0xee) {
            colourMarked |= startsWith(from, to, "JFIF") || startsWith(from, to, "Adobe");
        } else if (marker == 0xe1 && startsWith(from, to, "Exif\0\0")) {
            orientation = orientation(from + 6, to);
        } else if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
            frame(marker, from, to);
        }
    }

    private void frame(int marker, int from, int to) {
        if (marker > 0xc2) {
            throw bad("lossless, hierarchical or arithmetic coding is not supported");
        }
        if (components != 0) {
            throw bad("two frame headers");
        }
        if (to - from < 6 || to - from < 6 + 3 * u8(file, from + 5)) {
            throw bad("frame header too short");
        }
        if (u8(file, from) != 8) {
            throw bad(u8(file, from) + "-bit samples are not supported");
        }
        height = u16(from + 1);
        width = u16(from + 3);
        components = u8(file, from + 5);
        if (components == 4) {
            throw bad("CMYK colours are not supported");
        }
        if (components != 1 && components != 3) {
            throw bad(components + " colour components");
        }
        checkSize(width, height, path);
        namedRgb = components == 1
                || (u8(file, from + 6) == 'R' && u8(file, from + 9) == 'G' && u8(file, from + 12) == 'B');
    }

    static void checkSize(long width, long height, String path) {
        if (width < 1 || height < 1) {
            throw new BadImageException(path, "size " + width + " x " + height, "convert or remove it");
        }
        if (width * height > ImageDecoder.MAX_PIXELS) {
            throw new BadImageException(
                    path,
                    width + " x " + height + " is over the limit of " + ImageDecoder.MAX_PIXELS + " pixels",
                    "shrink it");
        }
    }

    /** The position of the marker that ends the entropy-coded data. */
    private int entropyEnd(int from) {
        int restarts = 0;
        int i = from;
        while (true) {
            while (i < file.length && file[i] != -1) {
                i++;
            }
            if (i + 1 >= file.length) {
                throw bad("truncated: no end-of-image marker in " + file.length + " bytes");
            }
            int next = u8(file, i + 1);
            if (next >= 0xd0 && next <= 0xd7) {
                if (restartInterval == 0 || next - 0xd0 != (restarts++ & 7)) {
                    throw bad("restart marker out of sequence at byte " + i);
                }
                i += 2;
            } else if (next == 0) {
                i += 2;
            } else if (next == 0xff) {
                i++;
            } else {
                return i;
            }
        }
    }

    /** Tag 274 of the first TIFF directory; anything odd counts as upright. */
    private int orientation(int from, int to) {
        ByteBuffer tiff = ByteBuffer.wrap(file, from, to - from).slice();
        if (tiff.limit() < 8) {
            return 1;
        }
        tiff.order(tiff.get(0) == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
        long directory = Integer.toUnsignedLong(tiff.getInt(4));
        if (directory + 2 > tiff.limit()) {
            return 1;
        }
        int count = tiff.getShort((int) directory) & 0xffff;
        for (int i = 0; i < count; i++) {
            long entry = directory + 2 + 12L * i;
            if (entry + 12 > tiff.limit()) {
                return 1;
            }
            if (tiff.getShort((int) entry) == 0x0112) {
                int value = tiff.getShort((int) entry + 8);
                return value >= 1 && value <= 8 ? value : 1;
            }
        }
        return 1;
    }

    private boolean startsWith(int from, int to, String text) {
        for (int i = 0; i < text.length(); i++) {
            if (from + i >= to || file[from + i] != text.charAt(i)) {
                return false;
            }
        }
        return true;
    }

    private static int u8(byte[] bytes, int at) {
        return bytes[at] & 0xff;
    }

    private int u16(int at) {
        return (u8(file, at) << 8) | u8(file, at + 1);
    }

    private BadImageException bad(String reason) {
        return new BadImageException(path, reason, "fetch or convert it again, or remove it");
    }
}
