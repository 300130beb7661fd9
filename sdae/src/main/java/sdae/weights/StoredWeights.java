package sdae.weights;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.SafetensorsReader;
import sdae.io.UserError;

/** An open weights file of any {@link Format}, under our names. Values are read when asked for. */
public final class StoredWeights implements AutoCloseable {
    private final SafetensorsReader reader;
    private final Path file;
    private final Format format;
    private final Map<String, Weight> weights = new LinkedHashMap<>();
    private final Facts facts;
    private final List<String> remarks;

    private StoredWeights(SafetensorsReader reader, Path file, Format asked) throws IOException {
        this.reader = reader;
        this.file = file;
        format = asked == null ? Format.of(Set.copyOf(reader.names())) : asked;
        List<Weight> stored =
                reader.names().stream().map(name -> Weight.of(reader, name)).toList();
        for (Weight weight : format.huggingFace() ? HuggingFace.read(stored) : stored) {
            if (weights.putIfAbsent(weight.name(), weight) != null) {
                throw new UserError(
                        ExitCode.CHECKPOINT, Printable.of(file.toString()) + ": two tensors are " + weight.name());
            }
        }
        remarks = new ArrayList<>();
        Path config = file.resolveSibling(HuggingFaceConfig.NAME);
        Facts own = Facts.of(reader.metadata(), file.toString());
        facts = format.huggingFace() && Files.exists(config) ? own.or(HuggingFaceConfig.read(config, remarks)) : own;
    }

    /** {@code asked} null: the format is known by the names. */
    public static StoredWeights open(Path file, Format asked) throws IOException {
        SafetensorsReader reader = SafetensorsReader.open(file);
        try {
            return new StoredWeights(reader, file, asked);
        } catch (IOException | RuntimeException e) {
            reader.close();
            throw e;
        }
    }

    public Path file() {
        return file;
    }

    public Format format() {
        return format;
    }

    /** What the file, or the {@code config.json} beside it, says about itself. */
    public Facts facts() {
        return facts;
    }

    /** What differs from our network although the shapes are the same; a line each. */
    public List<String> remarks() {
        return List.copyOf(remarks);
    }

    Map<String, Weight> weights() {
        return new LinkedHashMap<>(weights);
    }

    @Override
    public void close() throws IOException {
        reader.close();
    }
}
