package sdae.tensor.check;

import java.util.LinkedHashMap;
import java.util.Map;

/** Flat row-major arrays by the names of a case's tensors. */
public final class Values {
    private final Map<String, double[]> arrays = new LinkedHashMap<>();

    /** The values of that tensor; integers too. */
    public double[] of(String name) {
        double[] values = arrays.get(name);
        if (values == null) {
            throw new IllegalArgumentException("case: there is no tensor " + name + " among " + arrays.keySet());
        }
        return values;
    }

    /** The values of that tensor as integers. */
    public int[] ints(String name) {
        double[] values = of(name);
        int[] result = new int[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = (int) values[i];
        }
        return result;
    }

    /** Its first value. */
    public double scalar(String name) {
        return of(name)[0];
    }

    boolean has(String name) {
        return arrays.containsKey(name);
    }

    void put(String name, double[] values) {
        arrays.put(name, values);
    }
}
