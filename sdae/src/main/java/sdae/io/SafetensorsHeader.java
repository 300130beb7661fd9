package sdae.io;

import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;

/** The JSON header, parsed strictly: what it does not allow is refused with the reason and the tensor's name. */
final class SafetensorsHeader {
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(4)
                    .maxNumberLength(20)
                    .maxNameLength(10_000)
                    .maxStringLength(1 << 20)
                    .build())
            .build();

    private final Map<String, Safetensors.Entry> entries = new LinkedHashMap<>();
    private final Map<String, String> metadata = new TreeMap<>();

    private SafetensorsHeader() {}

    /** A rule that the header breaks; the reader adds the file's name. */
    static final class Malformed extends Exception {
        Malformed(String message) {
            super(message);
        }
    }

    /** Tensors by name, in the order of their data. */
    Map<String, Safetensors.Entry> entries() {
        return entries;
    }

    Map<String, String> metadata() {
        return metadata;
    }

    static SafetensorsHeader parse(byte[] json, long dataBytes) throws Malformed {
        if (json.length < 2 || json[0] != '{') {
            throw new Malformed("header must start with '{'");
        }
        SafetensorsHeader header = new SafetensorsHeader();
        List<Safetensors.Entry> found = new ArrayList<>();
        var text = new InputStreamReader(new ByteArrayInputStream(json), StandardCharsets.UTF_8.newDecoder());
        try (JsonParser in = FACTORY.createParser(ObjectReadContext.empty(), text)) {
            in.nextToken();
            while (in.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = in.currentName();
                if (name.equals(Safetensors.METADATA)) {
                    header.readMetadata(in);
                } else {
                    found.add(tensor(in, name, dataBytes));
                }
            }
            if (in.nextToken() != null) {
                throw new Malformed("header has text after its closing brace");
            }
        } catch (JacksonException e) {
            throw new Malformed("header is not strict JSON in UTF-8: " + Printable.of(e.getOriginalMessage()));
        }
        header.placeAll(found, dataBytes);
        return header;
    }

    /** Orders the tensors by their data and refuses overlaps, gaps and bytes that belong to none. */
    private void placeAll(List<Safetensors.Entry> found, long dataBytes) throws Malformed {
        found.sort(Comparator.comparingLong(Safetensors.Entry::begin).thenComparingLong(Safetensors.Entry::end));
        long at = 0;
        for (Safetensors.Entry entry : found) {
            if (entry.begin() != at) {
                throw new Malformed(quoted(entry.name()) + " begins at byte " + entry.begin()
                        + " of the data, but the tensor before it ends at " + at
                        + (entry.begin() < at ? " (they overlap)" : " (a gap)"));
            }
            at = entry.end();
            entries.put(entry.name(), entry);
        }
        if (at != dataBytes) {
            throw new Malformed("tensors end at byte " + at + " of the data, but the file has " + dataBytes);
        }
    }

    private void readMetadata(JsonParser in) throws Malformed {
        if (in.nextToken() != JsonToken.START_OBJECT) {
            throw new Malformed(Safetensors.METADATA + " must be an object of strings");
        }
        while (in.nextToken() == JsonToken.PROPERTY_NAME) {
            String key = in.currentName();
            if (in.nextToken() != JsonToken.VALUE_STRING) {
                throw new Malformed(Safetensors.METADATA + " must hold strings only, but " + quoted(key) + " is not");
            }
            metadata.put(wellFormed(key), wellFormed(in.getString()));
        }
    }

    private static Safetensors.Entry tensor(JsonParser in, String name, long dataBytes) throws Malformed {
        String quoted = quoted(wellFormed(name));
        if (name.isEmpty()) {
            throw new Malformed("a tensor has an empty name");
        }
        if (in.nextToken() != JsonToken.START_OBJECT) {
            throw new Malformed(quoted + " must be an object with dtype, shape and data_offsets");
        }
        Safetensors.Type type = null;
        List<Long> shape = null;
        List<Long> offsets = null;
        while (in.nextToken() == JsonToken.PROPERTY_NAME) {
            switch (in.currentName()) {
                case "dtype" -> type = type(in, quoted);
                case "shape" -> shape = integers(in, quoted + ": shape", Safetensors.MAX_RANK);
                case "data_offsets" -> offsets = integers(in, quoted + ": data_offsets", 2);
                default -> throw new Malformed(quoted + " has an unknown key " + quoted(in.currentName()));
            }
        }
        if (type == null || shape == null || offsets == null || offsets.size() != 2) {
            throw new Malformed(quoted + " must have dtype, shape and data_offsets [begin, end]");
        }
        return placed(name, type, shape, offsets.get(0), offsets.get(1), dataBytes);
    }

    private static Safetensors.Entry placed(
            String name, Safetensors.Type type, List<Long> shape, long begin, long end, long dataBytes)
            throws Malformed {
        String quoted = quoted(name);
        if (begin > end || end > dataBytes) {
            throw new Malformed(quoted + ": data_offsets [" + begin + ", " + end + "] must be in order and within the "
                    + dataBytes + " bytes of data");
        }
        long bytes;
        try {
            bytes = Safetensors.checkedBytes(
                    type, shape.stream().mapToLong(Long::longValue).toArray());
        } catch (ArithmeticException e) {
            throw new Malformed(quoted + ": shape " + shape + " has too many elements");
        }
        if (bytes != end - begin) {
            throw new Malformed(quoted + ": " + type + " " + shape + " needs " + bytes + " bytes, but data_offsets ["
                    + begin + ", " + end + "] hold " + (end - begin));
        }
        return new Safetensors.Entry(name, type, List.copyOf(shape), begin, end);
    }

    private static Safetensors.Type type(JsonParser in, String quoted) throws Malformed {
        if (in.nextToken() == JsonToken.VALUE_STRING) {
            for (Safetensors.Type type : Safetensors.Type.values()) {
                if (type.name().equals(in.getString())) {
                    return type;
                }
            }
        }
        throw new Malformed(quoted + ": unknown dtype " + quoted(String.valueOf(in.getString())));
    }

    /** Non-negative integers that fit a long. */
    private static List<Long> integers(JsonParser in, String what, int most) throws Malformed {
        if (in.nextToken() != JsonToken.START_ARRAY) {
            throw new Malformed(what + " must be a list of integers");
        }
        List<Long> values = new ArrayList<>();
        while (in.nextToken() != JsonToken.END_ARRAY) {
            boolean integer = in.currentToken() == JsonToken.VALUE_NUMBER_INT
                    && in.getNumberType() != JsonParser.NumberType.BIG_INTEGER
                    && in.getLongValue() >= 0;
            if (!integer || values.size() == most) {
                throw new Malformed(what + " must be at most " + most + " integers from 0 to 2^63 - 1");
            }
            values.add(in.getLongValue());
        }
        return values;
    }

    private static String wellFormed(String text) throws Malformed {
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new Malformed("header holds half a surrogate pair in " + quoted(text));
        }
        return text;
    }

    private static String quoted(String name) {
        return "'" + Printable.of(name) + "'";
    }
}
