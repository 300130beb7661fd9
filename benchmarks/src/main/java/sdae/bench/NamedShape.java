package sdae.bench;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Sizes under a name that says where in the model they occur, e.g. {@code VIT_B_STUDENT} = B16 N50 H12 Dh64. Letters: B
 * images or sequences, N tokens, H heads, Dh head size, R rows, in, out, D width, L patches, V visible, M masked, K folds, C
 * channels, p patch side, n values.
 */
public record NamedShape(String name, Map<String, Integer> sizes) {
    public NamedShape {
        sizes = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(sizes));
    }

    /** {@code letters} as in {@code "B16 N50 H12 Dh64"}. */
    static NamedShape of(String name, String letters) {
        Map<String, Integer> sizes = new LinkedHashMap<>();
        for (String word : letters.split(" ", -1)) {
            String letter = word.replaceAll("\\d+$", "");
            sizes.put(letter, Integer.parseInt(word.substring(letter.length())));
        }
        return new NamedShape(name, sizes);
    }

    /**
     * The size of that letter.
     *
     * @throws IllegalArgumentException when the shape has none
     */
    public int size(String letter) {
        Integer size = sizes.get(letter);
        if (size == null) {
            throw new IllegalArgumentException("shape " + name + " has no " + letter + ", only " + sizes.keySet());
        }
        return size;
    }

    /** The sizes as text, {@code B16 N50 H12 Dh64}. */
    public String text() {
        StringBuilder text = new StringBuilder();
        sizes.forEach((letter, size) ->
                text.append(text.length() == 0 ? "" : " ").append(letter).append(size));
        return text.toString();
    }
}
