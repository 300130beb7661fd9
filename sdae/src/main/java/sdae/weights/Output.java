package sdae.weights;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import sdae.io.AtomicFolder;
import sdae.io.Disk;
import sdae.io.ExitCode;
import sdae.io.Json;
import sdae.io.Printable;
import sdae.io.SafetensorsWriter;
import sdae.io.UserError;

/** Writes weights and what lies beside them; never over something that is there. */
public final class Output {
    private Output() {}

    /** Weights as a safetensors file; values that are not finite are refused by name. */
    static SafetensorsWriter safetensors(Collection<Weight> weights, Facts facts, boolean bf16) {
        SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
        facts.metadata().forEach(writer::metadata);
        for (Weight weight : weights) {
            long[] shape = weight.shape().stream().mapToLong(Long::longValue).toArray();
            SafetensorsWriter.FloatSource source = (from, into, count) -> {
                weight.source().read(from, into, count);
                checkFinite(weight.name(), from, into, count);
            };
            if (bf16) {
                writer.addBf16(weight.name(), shape, source);
            } else {
                writer.add(weight.name(), shape, source);
            }
        }
        return writer;
    }

    static void write(Path file, SafetensorsWriter writer) throws IOException {
        AtomicFolder.writeFile(Disk.real(), file, writer::writeTo);
    }

    static void json(Path file, Object value) throws IOException {
        Json.write(Disk.real(), file, value);
    }

    /** @throws UserError (exit 2) if something has that name: what a user has is never overwritten */
    public static void mustNotExist(Path path) {
        if (Files.exists(path)) {
            throw new UserError(
                    ExitCode.CONFIG,
                    Printable.of(path.toString()) + " is there already; take another name, or delete it first");
        }
    }

    private static void checkFinite(String name, long from, float[] values, int count) {
        for (int i = 0; i < count; i++) {
            if (!Float.isFinite(values[i])) {
                throw new UserError(
                        ExitCode.CHECKPOINT,
                        "weights: value " + (from + i) + " of " + Printable.of(name) + " is " + values[i]
                                + "; take an older checkpoint");
            }
        }
    }
}
