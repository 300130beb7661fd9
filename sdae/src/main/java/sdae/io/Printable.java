package sdae.io;

/** Text from files made safe for a terminal: control characters escaped, length bounded. */
public final class Printable {
    private static final int LONGEST = 200;

    private Printable() {}

    /** The text with control and format characters and lone surrogates as {@code \\uXXXX}, cut after 200 characters. */
    public static String of(String text) {
        StringBuilder out = new StringBuilder();
        int taken = 0;
        for (int i = 0; i < text.length() && taken < LONGEST; taken++) {
            int point = text.codePointAt(i);
            i += Character.charCount(point);
            int type = Character.getType(point);
            if (Character.isISOControl(point)
                    || type == Character.FORMAT
                    || type == Character.SURROGATE
                    || type == Character.LINE_SEPARATOR
                    || type == Character.PARAGRAPH_SEPARATOR) {
                out.append(String.format("\\u%04X", point));
            } else {
                out.appendCodePoint(point);
            }
        }
        return text.length() <= LONGEST ? out.toString() : out + "... (" + text.length() + " characters)";
    }
}
