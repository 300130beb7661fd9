package sdae.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;
import sdae.weights.Format;
import sdae.weights.Sides;

/** What options take that is neither a number nor a path. */
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
