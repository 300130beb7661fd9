package sdae.io;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Strict JSON: duplicate keys and trailing text are refused; output is indented, in the order given, with {@code \n}. */
public final class Json {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private Json() {}

    /** The text is not strict JSON. */
    public static final class Malformed extends IOException {
        private Malformed(String message, Throwable cause) {
            super(message, cause);
        }
    }

    /** The value (maps, lists, records, numbers, text) as a JSON tree. */
    public static JsonNode tree(Object value) {
        return MAPPER.valueToTree(value);
    }

    /** One line; NaN and infinities become quoted words, as JSON has none. */
    public static String compact(Object value) {
        return MAPPER.writeValueAsString(value);
    }

    /** Indented text that ends in a newline. */
    public static String pretty(Object value) {
        return MAPPER.writer()
                        .with(SerializationFeature.INDENT_OUTPUT)
                        .writeValueAsString(value)
                        .replace("\r\n", "\n")
                + "\n";
    }

    /** Reads strict JSON; {@link Malformed} says what is wrong with it. */
    public static JsonNode parse(String text) throws IOException {
        try {
            return MAPPER.readTree(text);
        } catch (JacksonException e) {
            throw new Malformed("not valid JSON: " + Printable.of(e.getOriginalMessage()), e);
        }
    }

    public static JsonNode read(Path file) throws IOException {
        return parse(Files.readString(file, StandardCharsets.UTF_8));
    }

    /** Writes the file durably and atomically: after a crash it holds the old text or the new one. */
    public static void write(Disk disk, Path file, Object value) throws IOException {
        AtomicFolder.writeFile(disk, file, pretty(value).getBytes(StandardCharsets.UTF_8));
    }
}
