package sdae.tensor.check;

import java.util.HashSet;
import java.util.Set;
import sdae.tensor.Philox;

/** Makes the values of an input, from random numbers or from the inputs before it. */
@FunctionalInterface
public interface Fill {
    /** @param before the inputs declared earlier, as stored */
    void fill(double[] out, Philox random, Values before);

    /** Standard normal. */
    Fill NORMAL = normal(1);

    /** Uniform in [0, 1). */
    Fill UNIFORM = (out, random, before) -> {
        for (int i = 0; i < out.length; i++) {
            out[i] = random.uniform();
        }
    };

    /** Normal with this standard deviation. */
    static Fill normal(double deviation) {
        return (out, random, before) -> {
            for (int i = 0; i < out.length; i++) {
                out[i] = deviation * random.gaussian();
            }
        };
    }

    /** These values, repeated as needed. */
    static Fill values(double... values) {
        return (out, random, before) -> {
            for (int i = 0; i < out.length; i++) {
                out[i] = values[i % values.length];
            }
        };
    }

    /** Squares of normal numbers. */
    static Fill squares() {
        return (out, random, before) -> {
            NORMAL.fill(out, random, before);
            for (int i = 0; i < out.length; i++) {
                out[i] *= out[i];
            }
        };
    }

    /** Rows of n different ids below bound, unordered. */
    static Fill distinctIds(int n, int bound) {
        return (out, random, before) -> {
            for (int row = 0; row < out.length; row += n) {
                Set<Integer> seen = new HashSet<>();
                for (int i = 0; i < n; ) {
                    int id = random.below(bound);
                    if (seen.add(id)) {
                        out[row + i++] = id;
                    }
                }
            }
        };
    }

    /** Rows of n: a permutation of 0..n-1 each. */
    static Fill permutations(int n) {
        return (out, random, before) -> {
            for (int row = 0; row < out.length; row += n) {
                int[] order = random.permutation(n);
                for (int i = 0; i < n; i++) {
                    out[row + i] = order[i];
                }
            }
        };
    }

    /** What a function of the earlier inputs says: statistics that a forward pass saved. */
    static Fill derived(java.util.function.Function<Values, double[]> function) {
        return (out, random, before) -> {
            double[] values = function.apply(before);
            System.arraycopy(values, 0, out, 0, out.length);
        };
    }
}
