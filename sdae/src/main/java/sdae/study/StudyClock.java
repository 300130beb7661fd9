package sdae.study;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import sdae.io.Progress;
import sdae.study.Cell.Kind;

/** Guesses what is left from what the cells before took. */
final class StudyClock {
    private final Map<Kind, List<Double>> took = new HashMap<>();
    private final List<Cell> left = new ArrayList<>();
    private long since;

    void start(List<Cell> open, Map<Cell, CellRecord> records) {
        left.addAll(open);
        records.forEach((cell, record) -> {
            if (record.seconds() > 0 && record.error() == null) {
                add(cell, record.seconds());
            }
        });
    }

    private void add(Cell cell, double seconds) {
        took.computeIfAbsent(cell.kind(), kind -> new ArrayList<>()).add(seconds);
    }

    void begin(Cell cell) {
        left.remove(cell);
        since = System.nanoTime();
    }

    private double elapsed() {
        return (System.nanoTime() - since) * 1e-9;
    }

    void end(Cell cell) {
        add(cell, elapsed());
    }

    private double guess(Cell cell) {
        return took.getOrDefault(cell.kind(), List.of()).stream()
                .mapToDouble(s -> s)
                .average()
                .orElse(Double.NaN);
    }

    /** Behind the state of a run; empty while a kind of cell has not been seen. */
    String text() {
        double seconds = left.stream().mapToDouble(this::guess).sum();
        return Double.isNaN(seconds) ? "" : ", the study's other cells " + Progress.clock(seconds);
    }
}
