package sdae.study;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVPrinter;

/** A study's figures and costs for other programs. */
final class StudyCsv {
    private StudyCsv() {}

    /** A line a figure; no clock is in it, so that equal studies give equal files. */
    static String figures(List<Cell> cells, Map<Cell, CellRecord> records) throws IOException {
        StringBuilder csv = new StringBuilder();
        try (CSVPrinter to = printer(csv, "arm", "seed", "of", "measure", "value", "low", "high")) {
            for (Cell cell : cells) {
                for (Figure f : records.get(cell).figures()) {
                    to.printRecord(
                            cell.arm(),
                            cell.seed(),
                            f.of(),
                            f.measure(),
                            number(f.value()),
                            number(f.low()),
                            number(f.high()));
                }
            }
        }
        return csv.toString();
    }

    /** A line a stage. */
    static String spent(List<Cell> cells, Map<Cell, CellRecord> records) throws IOException {
        StringBuilder csv = new StringBuilder();
        try (CSVPrinter to = printer(csv, "arm", "seed", "stage", "steps", "images", "seconds", "gflop_per_step")) {
            for (Cell cell : cells) {
                for (CellRecord.Spent s : records.get(cell).spent()) {
                    to.printRecord(
                            cell.arm(),
                            cell.seed(),
                            s.stage(),
                            s.steps(),
                            s.images(),
                            String.format(Locale.ROOT, "%.2f", s.seconds()),
                            String.format(Locale.ROOT, "%.6g", s.gflop()));
                }
            }
        }
        return csv.toString();
    }

    private static CSVPrinter printer(StringBuilder to, String... columns) throws IOException {
        CSVFormat format = CSVFormat.DEFAULT
                .builder()
                .setRecordSeparator('\n')
                .setHeader(columns)
                .get();
        return new CSVPrinter(to, format);
    }

    private static String number(double value) {
        return Double.isNaN(value) ? "" : Double.toString(value);
    }
}
