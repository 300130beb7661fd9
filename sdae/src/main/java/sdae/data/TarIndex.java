package sdae.data;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Lists the regular members of a tar stream (POSIX.1-2001 ustar and pax, GNU long names and binary sizes) without unpacking
 * anything: a name is only a label. Links, devices, sparse files and unsafe names are skipped and counted.
 */
final class TarIndex {
    /** Longest name, and largest pax header, that is read. */
    static final int MAX_NAME = 64 << 10;

    private static final int BLOCK = 512;

    /** One image in the stream; {@code offset} counts from the start of the uncompressed stream. */
    record Member(String name, long size, long offset) {}

    /** What to do with the data of a member; the stream stands at its first byte and must be read to its end or not at all. */
    interface Sink {
        boolean take(Member member, InputStream data) throws IOException;
    }

    private final String archive;
    private final InputStream in;
    private final List<Member> members = new ArrayList<>();
    private long position;
    private int skipped;
    private String longName;
    private long longSize = -1;

    private TarIndex(String archive, InputStream in) {
        this.archive = archive;
        this.in = in;
    }

    /**
     * Reads the stream to its end.
     *
     * @throws DataException naming archive and byte offset if the tar is truncated or malformed
     */
    static TarIndex read(String archive, InputStream in, Sink sink) throws IOException {
        TarIndex index = new TarIndex(archive, in);
        byte[] header = new byte[BLOCK];
        while (true) {
            long at = index.position;
            int got = index.in.readNBytes(header, 0, BLOCK);
            index.position += got;
            if (got < BLOCK) {
                throw index.fault(at, got == 0 ? "ends without its end blocks" : "ends inside a header");
            }
            if (isZero(header)) {
                return index;
            }
            index.member(header, at, sink);
        }
    }

    List<Member> members() {
        return members;
    }

    /** How many links, devices and unsafe names were passed over. */
    int skipped() {
        return skipped;
    }

    private void member(byte[] header, long at, Sink sink) throws IOException {
        long sum = 0;
        for (int i = 0; i < BLOCK; i++) {
            sum += i >= 148 && i < 156 ? ' ' : header[i] & 0xff;
        }
        if (sum != number(header, 148, 8, at)) {
            throw fault(at, "has a header with a wrong checksum");
        }
        long size = number(header, 124, 12, at);
        char type = (char) header[156];
        switch (type) {
            case 'L' -> {
                byte[] name = meta(size, at);
                int end = name.length;
                while (end > 0 && name[end - 1] == 0) {
                    end--;
                }
                longName = Names.decode(name, 0, end);
            }
            case 'x' -> pax(meta(size, at), at);
            case 'K', 'g' -> skip(padded(size, at), at);
            default -> {
                String name = longName != null ? longName : headerName(header);
                size = longSize >= 0 ? longSize : size;
                longName = null;
                longSize = -1;
                boolean regular = type == '0' || type == 0 || type == '7';
                regular(name, size, at, regular && !name.endsWith("/"), type, sink);
            }
        }
    }

    private void regular(String name, long size, long at, boolean regular, char type, Sink sink) throws IOException {
        String clean = name.startsWith("./") ? name.substring(2) : name;
        long data = padded(size, at);
        if (!regular || !isSafe(clean)) {
            skipped += type == '5' || name.endsWith("/") ? 0 : 1;
        } else if (isListed(clean)) {
            Member member = new Member(clean, size, position);
            members.add(member);
            if (sink.take(member, in)) {
                position += size;
                data -= size;
            }
        }
        skip(data, at);
    }

    /** Pax records "length key=value\n": only path and size matter here. */
    private void pax(byte[] data, long at) {
        int i = 0;
        while (i < data.length && data[i] != 0) {
            int space = i;
            int length = 0;
            while (space < data.length && data[space] >= '0' && data[space] <= '9' && length < MAX_NAME) {
                length = length * 10 + data[space++] - '0';
            }
            if (length <= space - i || length > data.length - i || data[space] != ' ' || data[i + length - 1] != '\n') {
                throw fault(at, "has a malformed pax header");
            }
            int end = i + length - 1;
            String record = new String(data, space + 1, end - space - 1, StandardCharsets.ISO_8859_1);
            if (record.startsWith("path=")) {
                longName = Names.decode(data, space + 6, end - space - 6);
            } else if (record.startsWith("size=")) {
                if (!record.matches("size=[0-9]{1,18}")) {
                    throw fault(at, "has a malformed pax size");
                }
                longSize = Long.parseLong(record.substring(5));
            } else if (record.startsWith("GNU.sparse.")) {
                longName = "../sparse"; // an unsafe name: the member is skipped and counted
            }
            i += length;
        }
    }

    private byte[] meta(long size, long at) throws IOException {
        if (size > MAX_NAME) {
            throw fault(at, "has a name of " + size + " bytes, over the limit of " + MAX_NAME);
        }
        byte[] data = in.readNBytes((int) size);
        position += data.length;
        if (data.length < size) {
            throw fault(position, "ends inside a long name");
        }
        skip(padded(size, at) - size, at);
        return data;
    }

    private void skip(long bytes, long at) throws IOException {
        long left = bytes;
        while (left > 0) {
            long n = in.skip(left);
            if (n == 0 && in.read() >= 0) {
                n = 1;
            }
            if (n <= 0) {
                throw fault(position, "ends inside the member whose header is at byte " + at);
            }
            left -= n;
            position += n;
        }
    }

    private long padded(long size, long at) {
        if (size > Long.MAX_VALUE / 2) {
            throw fault(at, "has a member of " + size + " bytes");
        }
        return (size + BLOCK - 1) / BLOCK * BLOCK;
    }

    /** An octal number, or GNU's big-endian binary one with the top bit set; negative ones are refused. */
    private long number(byte[] header, int offset, int length, long at) {
        long value = 0;
        if ((header[offset] & 0x80) != 0) {
            if (header[offset] != (byte) 0x80) {
                throw fault(at, "has a negative or overlong number in a header");
            }
            for (int i = 1; i < length; i++) {
                if (value >>> 55 != 0) {
                    throw fault(at, "has an overlong number in a header");
                }
                value = (value << 8) | (header[offset + i] & 0xff);
            }
            return value;
        }
        boolean digits = false;
        for (int i = offset; i < offset + length; i++) {
            int c = header[i];
            if (c >= '0' && c <= '7') {
                value = (value << 3) | (c - '0');
                digits = true;
            } else if (c == 0 || (c == ' ' && digits)) {
                break;
            } else if (c != ' ') {
                throw fault(at, "has a malformed number in a header");
            }
        }
        return value;
    }

    private static String headerName(byte[] header) {
        String name = field(header, 0, 100);
        boolean posix = header[257] == 'u' && header[263] == '0'; // GNU's own format uses the prefix bytes for times
        String prefix = posix ? field(header, 345, 155) : "";
        return prefix.isEmpty() ? name : prefix + "/" + name;
    }

    private static String field(byte[] header, int offset, int length) {
        int end = offset;
        while (end < offset + length && header[end] != 0) {
            end++;
        }
        return Names.decode(header, offset, end - offset);
    }

    /** Neither absolute nor with a part "..": such a name is of no use as a label either. */
    static boolean isSafe(String name) {
        return !name.startsWith("/")
                && !name.contains("\\")
                && !name.matches("(?s)[A-Za-z]:.*")
                && !("/" + name + "/").contains("/../");
    }

    /** An image that is not in a hidden folder nor in the litter of another system. */
    static boolean isListed(String name) {
        return Names.isImage(name) && !name.startsWith(".") && !name.contains("/.") && !name.startsWith("__MACOSX/");
    }

    private static boolean isZero(byte[] block) {
        for (byte b : block) {
            if (b != 0) {
                return false;
            }
        }
        return true;
    }

    private DataException fault(long at, String what) {
        return new DataException(
                DataException.text("tar", archive, what + ", at byte " + at, "fetch or pack it again"));
    }
}
