package sdae.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

/**
 * A CSV file that may still be growing. The first line names the columns. A last line without its line end is still being
 * written and is left out, as is a line with too few fields (a writer that died). When {@code step} goes back (a resumed
 * run), the later rows replace the earlier ones.
 */
final class Table {
    private final List<String> columns = new ArrayList<>();
    private final List<List<String>> rows = new ArrayList<>();

    private Table() {}

    /** A table without columns or rows. */
    static Table empty() {
        return new Table();
    }

    /** Reads {@code file}; {@link #empty} when it does not exist. */
    static Table read(Path file) throws IOException {
        Table table = new Table();
        if (!Files.isRegularFile(file)) {
            return table;
        }
        String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        String whole = text.substring(0, text.lastIndexOf('\n') + 1);
        CSVFormat format = CSVFormat.DEFAULT
                .builder()
                .setIgnoreEmptyLines(true)
                .setIgnoreSurroundingSpaces(true)
                .get();
        try (CSVParser parser = CSVParser.parse(whole, format)) {
            for (CSVRecord line : parser) {
                table.add(line.toList());
            }
        }
        return table;
    }

    private void add(List<String> fields) {
        if (columns.isEmpty()) {
            columns.addAll(fields);
            return;
        }
        if (fields.size() < columns.size()) {
            return;
        }
        double step = columns.contains("step") ? parse(fields.get(columns.indexOf("step"))) : Double.NaN;
        while (!rows.isEmpty() && number(rows.size() - 1, "step") >= step) {
            rows.remove(rows.size() - 1);
        }
        rows.add(fields);
    }

    List<String> columns() {
        return columns;
    }

    int rows() {
        return rows.size();
    }

    /** The field as written; empty when there is no such column. */
    String text(int row, String column) {
        int index = columns.indexOf(column);
        return index < 0 ? "" : rows.get(row).get(index);
    }

    /** The field as a number; NaN when it is empty, not a number, or the column is missing. */
    double number(int row, String column) {
        return parse(text(row, column));
    }

    /** The last finite number of a column; NaN when there is none. */
    double last(String column) {
        for (int row = rows.size() - 1; row >= 0; row--) {
            double value = number(row, column);
            if (Double.isFinite(value)) {
                return value;
            }
        }
        return Double.NaN;
    }

    /**
     * The points (x, y) of all rows where y was measured. An empty or unreadable y was not measured and is left out; a y
     * written as NaN or infinite was, and is kept as NaN.
     */
    Points points(String x, String y) {
        double[] xs = new double[rows.size()];
        double[] ys = new double[rows.size()];
        int count = 0;
        for (int row = 0; row < rows.size(); row++) {
            double at = number(row, x);
            double value = number(row, y);
            if (Double.isFinite(at) && (Double.isFinite(value) || isNonFinite(text(row, y)))) {
                xs[count] = at;
                ys[count++] = Double.isFinite(value) ? value : Double.NaN;
            }
        }
        return new Points(Arrays.copyOf(xs, count), Arrays.copyOf(ys, count));
    }

    private static boolean isNonFinite(String field) {
        String word = field.toLowerCase(Locale.ROOT);
        return word.endsWith("nan") || word.endsWith("inf") || word.endsWith("infinity");
    }

    private static double parse(String field) {
        if (field.isEmpty() || isNonFinite(field)) {
            return Double.NaN;
        }
        try {
            return Double.parseDouble(field);
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
    }
}
