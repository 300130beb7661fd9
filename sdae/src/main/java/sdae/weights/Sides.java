package sdae.weights;

import sdae.model.ModelSpec;

/** Two sizes, top to bottom first: of an image in pixels, or of its grid in patches. */
public record Sides(int height, int width) {
    private static final int MOST = 1 << 16;

    /**
     * From {@code 224}, which is a square, or {@code 224x160}.
     *
     * @throws IllegalArgumentException for anything else
     */
    public static Sides of(String text) {
        String[] parts = text.split("x", -1);
        try {
            int height = Integer.parseInt(parts[0].strip());
            int width = parts.length == 1 ? height : Integer.parseInt(parts[1].strip());
            if (parts.length <= 2 && height > 0 && width > 0 && height <= MOST && width <= MOST) {
                return new Sides(height, width);
            }
        } catch (NumberFormatException e) {
            // one message for all faults
        }
        throw new IllegalArgumentException("must be a number or two as 224x160, but is '" + text + "'");
    }

    /** Patches of the images that a network takes. */
    static Sides ofGrid(ModelSpec spec) {
        return new Sides(spec.gridRows(), spec.gridCols());
    }

    long area() {
        return (long) height * width;
    }

    @Override
    public String toString() {
        return height + "x" + width;
    }
}
