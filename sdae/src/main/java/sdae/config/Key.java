package sdae.config;

import java.util.List;
import java.util.stream.Collectors;

/**
 * One setting: its dotted name, what it takes, its default, and a line of help.
 *
 * @param choices what a {@link Type#CHOICE} may be; empty otherwise
 * @param result whether the setting can change what is learned (and so belongs to a run's identity)
 */
record Key(String name, Type type, Object preset, List<String> choices, boolean result, String help) {
    /** What a setting takes. */
    enum Type {
        TEXT("text"),
        INTEGER("a whole number"),
        NUMBER("a number"),
        FLAG("true or false"),
        CHOICE("one of a few words"),
        PAIR("two numbers, as [low, high]");

        final String words;

        Type(String words) {
            this.words = words;
        }
    }

    /**
     * The value that a text (or a list of texts) stands for.
     *
     * @throws IllegalArgumentException with what was expected and what came
     */
    Object parse(List<String> texts) {
        if (type == Type.PAIR ? texts.size() != 2 : texts.size() != 1) {
            throw wrong(texts);
        }
        try {
            return switch (type) {
                case TEXT -> texts.get(0);
                case INTEGER -> Long.parseLong(texts.get(0));
                case NUMBER -> finite(texts.get(0));
                case FLAG -> flag(texts.get(0));
                case CHOICE -> choice(texts.get(0));
                case PAIR -> List.of(finite(texts.get(0)), finite(texts.get(1)));
            };
        } catch (IllegalArgumentException e) {
            throw wrong(texts);
        }
    }

    private static double finite(String text) {
        // Java would take "1f", "0x1p3" and "NaN"
        if (!text.matches("[-+]?(\\d+\\.?\\d*|\\.\\d+)([eE][-+]?\\d+)?")) {
            throw new IllegalArgumentException();
        }
        double value = Double.parseDouble(text);
        if (!Double.isFinite(value)) {
            throw new IllegalArgumentException();
        }
        return value;
    }

    private static boolean flag(String text) {
        if (!text.equals("true") && !text.equals("false")) {
            throw new IllegalArgumentException();
        }
        return text.equals("true");
    }

    private String choice(String text) {
        boolean known = choices.stream()
                .anyMatch(c -> c.endsWith("*")
                        ? text.startsWith(c.substring(0, c.length() - 1)) && text.length() >= c.length()
                        : c.equals(text));
        if (!known) {
            throw new IllegalArgumentException();
        }
        return text;
    }

    private IllegalArgumentException wrong(List<String> texts) {
        String given = texts.size() == 1 ? "'" + texts.get(0) + "'" : texts.toString();
        return new IllegalArgumentException(name + " must be " + expected() + ", but is " + given);
    }

    /** What it takes, in words. */
    String expected() {
        return type == Type.CHOICE ? choices.stream().collect(Collectors.joining(" | ")) : type.words;
    }
}
