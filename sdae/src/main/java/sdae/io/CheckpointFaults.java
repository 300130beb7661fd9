package sdae.io;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/** Finds what is wrong with a checkpoint's files, down to the tensor. */
final class CheckpointFaults {
    private CheckpointFaults() {}

    /** The first fault of the files listed with {@code sha256}, {@code bytes} and CRC-32C of their {@code tensors}. */
    static Optional<String> find(Path checkpoint, JsonNode files) throws IOException {
        for (Map.Entry<String, JsonNode> listed : files.properties()) {
            Path file = checkpoint.resolve(listed.getKey());
            String name = Printable.of(listed.getKey());
            if (!Files.isRegularFile(file)) {
                return Optional.of(name + " is missing");
            }
            long bytes = listed.getValue().get("bytes").asLong();
            if (Files.size(file) != bytes) {
                return Optional.of(name + " has " + Files.size(file) + " bytes, not " + bytes);
            }
            if (!Hashes.ofFile(file).equals(listed.getValue().get("sha256").asString())) {
                return Optional.of(name + ": checksum error"
                        + where(file, listed.getValue().get("tensors")));
            }
        }
        return Optional.empty();
    }

    private static String where(Path file, JsonNode tensors) {
        try (SafetensorsReader reader = SafetensorsReader.open(file)) {
            for (Map.Entry<String, JsonNode> tensor : tensors.properties()) {
                if (!reader.crc32c(tensor.getKey()).equals(tensor.getValue().asString())) {
                    return " in tensor " + Printable.of(tensor.getKey());
                }
            }
            return " in the header";
        } catch (IOException | UserError e) {
            return " in the header";
        }
    }
}
