package sdae.io;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Append-only table with one line a row; the first column is the step.
 *
 * <p>Rows reach the file at once but are not fsynced: on resume, rows after the resumed step and half a last line are
 * dropped, so a crash costs nothing that the checkpoint had.
 */
public final class CsvLog implements AutoCloseable {
    private final Disk.Out out;
    private final int columns;
    private long lastStep;

    private CsvLog(Disk.Out out, int columns, long lastStep) {
        this.out = out;
        this.columns = columns;
        this.lastStep = lastStep;
    }

    /**
     * Opens the table.
     *
     * @param columns names after {@code step}
     * @param resumeStep rows up to this step are kept; -1 keeps none
     */
    public static CsvLog open(Disk disk, Path file, List<String> columns, long resumeStep) throws IOException {
        StringBuilder header = new StringBuilder("step");
        for (String column : columns) {
            header.append(',').append(cell(column));
        }
        StringBuilder kept = new StringBuilder(header).append('\n');
        long last = resumeStep >= 0 && Files.exists(file) ? keepRows(file, header.toString(), resumeStep, kept) : -1;
        AtomicFolder.writeFile(disk, file, kept.toString().getBytes(StandardCharsets.UTF_8));
        return new CsvLog(disk.append(file), columns.size(), last);
    }

    /** Writes one row; a null is an empty cell. */
    public void append(long step, Object... values) throws IOException {
        if (values.length != columns) {
            throw new IllegalArgumentException(
                    "csv: a row must have " + columns + " values after the step, but has " + values.length);
        }
        StringBuilder row = new StringBuilder().append(step);
        for (Object value : values) {
            row.append(',').append(value == null ? "" : cell(value.toString()));
        }
        out.write(ByteBuffer.wrap(row.append('\n').toString().getBytes(StandardCharsets.UTF_8)));
        lastStep = step;
    }

    /** The step of the last row, -1 without rows. */
    public long lastStep() {
        return lastStep;
    }

    @Override
    public void close() throws IOException {
        out.close();
    }

    /** Returns the step of the last row kept, or -1. */
    private static long keepRows(Path file, String header, long resumeStep, StringBuilder kept) throws IOException {
        List<String> lines = completeLines(file);
        long last = -1;
        if (lines.isEmpty()) {
            return last;
        }
        if (!lines.get(0).equals(header)) {
            throw new UserError(
                    ExitCode.DISK,
                    Printable.of(file.toString()) + ": its columns are " + Printable.of(lines.get(0))
                            + ", this version writes " + header + "; move the file away to resume");
        }
        long cells = header.chars().filter(c -> c == ',').count();
        for (String line : lines.subList(1, lines.size())) {
            int comma = line.indexOf(',');
            String step = comma < 0 ? line : line.substring(0, comma);
            boolean whole = step.matches("\\d{1,18}")
                    && line.chars().filter(c -> c == ',').count() >= cells;
            if (whole && Long.parseLong(step) <= resumeStep) {
                kept.append(line).append('\n');
                last = Long.parseLong(step);
            }
        }
        return last;
    }

    private static List<String> completeLines(Path file) throws IOException {
        List<String> lines = new ArrayList<>();
        StringBuilder line = new StringBuilder();
        try (BufferedReader in = Files.newBufferedReader(file, StandardCharsets.ISO_8859_1)) {
            for (int c = in.read(); c >= 0; c = in.read()) {
                if (c == '\n') {
                    lines.add(
                            new String(line.toString().getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8));
                    line.setLength(0);
                } else {
                    line.append((char) c);
                }
            }
        }
        return lines;
    }

    private static String cell(String text) {
        if (text.indexOf('\n') >= 0 || text.indexOf('\r') >= 0) {
            throw new IllegalArgumentException("csv: a cell must be one line, but is " + Printable.of(text));
        }
        return text.contains(",") || text.contains("\"") ? '"' + text.replace("\"", "\"\"") + '"' : text;
    }
}
