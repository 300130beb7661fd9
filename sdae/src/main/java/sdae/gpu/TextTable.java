package sdae.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** Rows of text under a header: as aligned columns, numbers to the right, or as CSV. */
public final class TextTable {
    private final List<String> header;
    private final List<List<String>> rows = new ArrayList<>();

    TextTable(String... header) {
        this.header = List.of(header);
    }

    void add(Object... cells) {
        if (cells.length != header.size()) {
            throw new IllegalArgumentException("table: " + header.size() + " columns, got " + cells.length);
        }
        rows.add(java.util.Arrays.stream(cells).map(String::valueOf).toList());
    }

    public List<String> lines() {
        int[] widths = new int[header.size()];
        List<List<String>> all = new ArrayList<>(rows);
        all.add(0, header);
        for (List<String> row : all) {
            for (int c = 0; c < widths.length; c++) {
                widths[c] = Math.max(widths[c], row.get(c).length());
            }
        }
        return all.stream().map(row -> line(row, widths)).toList();
    }

    private String line(List<String> row, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int c = 0; c < widths.length; c++) {
            String gap = " ".repeat(widths[c] - row.get(c).length());
            line.append(c == 0 ? "" : "  ").append(isNumeric(c) ? gap + row.get(c) : row.get(c) + gap);
        }
        return line.toString().stripTrailing();
    }

    private boolean isNumeric(int column) {
        return rows.stream()
                .map(row -> row.get(column))
                .allMatch(cell -> cell.isEmpty() || cell.equals("-") || Character.isDigit(cell.charAt(0)));
    }

    public List<String> csv() {
        List<List<String>> all = new ArrayList<>(rows);
        all.add(0, header);
        return all.stream()
                .map(row -> row.stream().map(TextTable::quoted).collect(Collectors.joining(",")))
                .toList();
    }

    private static String quoted(String cell) {
        boolean plain = cell.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n');
        return plain ? cell : '"' + cell.replace("\"", "\"\"") + '"';
    }
}
