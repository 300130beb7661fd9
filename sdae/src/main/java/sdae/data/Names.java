package sdae.data;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.Locale;

/** Names of images: the same on every locale and in one order. */
final class Names {
    /**
     * Order of the UTF-8 bytes, which is the order of the code points: chars compare alike except that a surrogate (a code
     * point above 0xFFFF) comes after every other char.
     */
    static final Comparator<String> BYTE_ORDER = (a, b) -> {
        int n = Math.min(a.length(), b.length());
        for (int i = 0; i < n; i++) {
            char x = a.charAt(i);
            char y = b.charAt(i);
            if (x != y) {
                boolean high = Character.isSurrogate(x);
                return high == Character.isSurrogate(y) ? Character.compare(x, y) : high ? 1 : -1;
            }
        }
        return Integer.compare(a.length(), b.length());
    };

    private Names() {}

    /**
     * The last part of a path as the file system stores it, decoded as UTF-8 whatever the locale says; bytes that are not
     * UTF-8 read {@code \xNN}.
     */
    static String last(Path path) {
        String plain = String.valueOf(path.getFileName());
        if (plain.chars().allMatch(c -> c < 128)) { // bytes unknown to the locale show as U+FFFD
            return plain;
        }
        String raw = path.toUri().getRawPath();
        raw = raw.endsWith("/") ? raw.substring(0, raw.length() - 1) : raw;
        raw = raw.substring(raw.lastIndexOf('/') + 1);
        byte[] bytes = new byte[raw.length()];
        int n = 0;
        for (int i = 0; i < raw.length(); i++) {
            if (raw.charAt(i) == '%') {
                bytes[n++] = (byte) HexFormat.fromHexDigits(raw, i + 1, i + 3);
                i += 2;
            } else {
                bytes[n++] = (byte) raw.charAt(i);
            }
        }
        return decode(bytes, 0, n);
    }

    /** UTF-8 with every malformed byte written as {@code \xNN}, so that different bytes give different names. */
    static String decode(byte[] bytes, int offset, int length) {
        CharsetDecoder decoder = StandardCharsets.UTF_8.newDecoder();
        ByteBuffer in = ByteBuffer.wrap(bytes, offset, length);
        CharBuffer out = CharBuffer.allocate(4 * length + 4);
        while (true) {
            CoderResult result = decoder.decode(in, out, true);
            if (!result.isError()) {
                return out.flip().toString();
            }
            for (int i = 0; i < result.length(); i++) {
                out.put(String.format(Locale.ROOT, "\\x%02x", in.get() & 0xff));
            }
        }
    }

    /** Whether the suffix is one of .jpg .jpeg .png, in any case, and the file is not a hidden one. */
    static boolean isImage(String name) {
        String last = name.substring(name.lastIndexOf('/') + 1).toLowerCase(Locale.ROOT);
        return !last.startsWith(".") && (last.endsWith(".jpg") || last.endsWith(".jpeg") || last.endsWith(".png"));
    }
}
