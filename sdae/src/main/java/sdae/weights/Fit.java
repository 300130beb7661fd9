package sdae.weights;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import sdae.io.Printable;
import sdae.tensor.Parameter;

/** How a set of weights fits a network: what the network lacks, what it does not know, what has another shape. */
record Fit(List<String> missing, List<String> unknown, List<String> wrong) {
    private static final int LISTED = 10;

    static Fit of(Map<String, Weight> weights, Map<String, Parameter> network) {
        List<String> missing = new ArrayList<>();
        List<String> wrong = new ArrayList<>();
        network.forEach((name, p) -> {
            Weight weight = weights.get(name);
            if (weight == null) {
                missing.add(name + " " + p.shape());
            } else if (!fits(weight, p)) {
                wrong.add(name + ": file " + weight.shape() + ", network " + p.shape());
            }
        });
        List<String> unknown = weights.values().stream()
                .filter(weight -> !network.containsKey(weight.name()))
                .map(weight -> Printable.of(weight.name()) + " " + weight.shape())
                .toList();
        return new Fit(missing, unknown, wrong);
    }

    static boolean fits(Weight weight, Parameter p) {
        List<Long> wanted = new ArrayList<>();
        for (int size : p.shape().sizes()) {
            wanted.add((long) size);
        }
        return weight.shape().equals(wanted);
    }

    /** Takes away what the network does not have, or has in another shape. */
    static void drop(Map<String, Weight> weights, Map<String, Parameter> network) {
        weights.values()
                .removeIf(weight -> !network.containsKey(weight.name()) || !fits(weight, network.get(weight.name())));
    }

    boolean perfect() {
        return missing.isEmpty() && unknown.isEmpty() && wrong.isEmpty();
    }

    /** All that does not fit, in one line. */
    String text() {
        List<String> parts = new ArrayList<>();
        add(parts, "missing", missing);
        add(parts, "not part of the network", unknown);
        add(parts, "of another shape", wrong);
        return String.join("; ", parts);
    }

    private static void add(List<String> parts, String kind, List<String> names) {
        if (!names.isEmpty()) {
            parts.add(names.size() + " " + kind + " ("
                    + String.join(", ", names.subList(0, Math.min(LISTED, names.size())))
                    + (names.size() > LISTED ? ", and " + (names.size() - LISTED) + " more" : "") + ")");
        }
    }
}
