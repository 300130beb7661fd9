package sdae.tensor;

/** Argument checks whose messages name the op, the argument, the rule and what it is. */
public final class Checks {
    private Checks() {}

    /** {@code actual} must be exactly {@code sizes}. */
    public static void shape(String op, String argument, Shape actual, int... sizes) {
        Shape wanted = Shape.of(sizes);
        if (!actual.equals(wanted)) {
            throw new IllegalArgumentException(op + ": " + argument + " must be " + wanted + ", but is " + actual);
        }
    }

    /** {@code actual} must be exactly {@code sizes} to go with another argument. */
    public static void matches(String op, String argument, Shape actual, String other, Shape otherShape, int... sizes) {
        Shape wanted = Shape.of(sizes);
        if (!actual.equals(wanted)) {
            throw new IllegalArgumentException(op + ": " + argument + " must be " + wanted + " to match " + other + " "
                    + otherShape + ", but is " + actual);
        }
    }

    public static void rank(String op, String argument, Shape actual, int rank) {
        if (actual.rank() != rank) {
            throw new IllegalArgumentException(
                    op + ": " + argument + " must have " + rank + " sizes, but is " + actual);
        }
    }

    /** Both on the same tape. */
    public static void sameTape(String op, String first, Tensor a, String second, Tensor b) {
        if (a.tape() != b.tape()) {
            throw new IllegalStateException(op + ": " + first + " and " + second + " are on different tapes (step "
                    + a.tape().step() + " and step " + b.tape().step() + "); copy the older one");
        }
    }

    public static void that(boolean holds, String op, String rule) {
        if (!holds) {
            throw new IllegalArgumentException(op + ": " + rule);
        }
    }
}
