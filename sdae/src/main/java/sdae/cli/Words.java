package sdae.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;
import sdae.weights.Format;
import sdae.weights.Sides;

/** What options take that is no plain number or path. */
final class Words {
    private Words() {}

    /** {@code 224} or {@code 224x160}. */
    static final class OfSides implements ITypeConverter<Sides> {
        @Override
        public Sides convert(String text) {
            try {
                return Sides.of(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }

    /** A run folder or a weights file; Hugging Face's folders mean the file in them. */
    static final class OfNetwork implements ITypeConverter<Path> {
        @Override
        public Path convert(String text) {
            Path path = Path.of(text);
            Path inside = path.resolve("model.safetensors");
            return Files.isRegularFile(inside) && !Files.exists(path.resolve("config.yaml")) ? inside : path;
        }
    }

    /** Whose names; {@code auto} is null. */
    static final class OfFormat implements ITypeConverter<Format> {
        @Override
        public Format convert(String text) {
            try {
                return text.equals("auto") ? null : Format.named(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        }
    }
}
