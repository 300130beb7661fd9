package sdae.io;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Finds what is wrong with a checkpoint's files, down to the tensor; a disk that cannot be read is no such fault. */
final class CheckpointFaults {
    static final String STATE = "state.json";
    static final String SELF = "self_sha256";

    private CheckpointFaults() {}

    /** The checkpoint is there, but not as it was written. */
    static final class Damaged extends Exception {
        Damaged(String message) {
            super(message);
        }
    }

    /** The content of {@code state.json} without its own checksum, which holds. */
    static ObjectNode state(Path checkpoint) throws IOException, Damaged {
        Path file = checkpoint.resolve(STATE);
        size(file, STATE);
        JsonNode tree;
        try {
            tree = Json.read(file);
        } catch (Json.Malformed | CharacterCodingException e) {
            throw new Damaged(STATE + ": " + Printable.of(String.valueOf(e.getMessage())));
        }
        if (!(tree instanceof ObjectNode state)) {
            throw new Damaged(STATE + ": must be an object");
        }
        JsonNode self = state.remove(SELF);
        if (self == null || !self.asString("").equals(Hashes.ofText(Json.compact(state)))) {
            throw new Damaged(STATE + ": its text does not match its own checksum");
        }
        return state;
    }

    /** Compares the files with their {@code sha256}, {@code bytes} and CRC-32C of their {@code tensors} as listed. */
    static void check(Path checkpoint, JsonNode files) throws IOException, Damaged {
        for (Map.Entry<String, JsonNode> listed : files.properties()) {
            Path file = checkpoint.resolve(listed.getKey());
            String name = Printable.of(listed.getKey());
            long bytes = listed.getValue().path("bytes").asLong(-1);
            long found = size(file, name);
            if (found != bytes) {
                throw new Damaged(name + " has " + found + " bytes, not " + bytes);
            }
            if (!Hashes.ofFile(file).equals(listed.getValue().path("sha256").asString(""))) {
                throw new Damaged(name + ": checksum error"
                        + where(file, listed.getValue().path("tensors")));
            }
        }
    }

    private static long size(Path file, String name) throws IOException, Damaged {
        try {
            BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
            if (!attributes.isRegularFile()) {
                throw new Damaged(name + " is not a file");
            }
            return attributes.size();
        } catch (NoSuchFileException e) {
            throw new Damaged(name + " is missing");
        }
    }

    private static String where(Path file, JsonNode tensors) throws IOException {
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            for (Map.Entry<String, JsonNode> tensor : tensors.properties()) {
                if (!reader.crc32c(tensor.getKey()).equals(tensor.getValue().asString(""))) {
                    return " in tensor " + Printable.of(tensor.getKey());
                }
            }
            return " in the header";
        } catch (UserError e) {
            return " in the header";
        }
    }
}
