package sdae.study;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import sdae.io.AtomicFolder;
import sdae.io.Disk;
import sdae.io.Printable;

/**
 * The figures of a study side by side: study.csv with a line a figure, spent.csv with what they cost, and study.md with means,
 * intervals and differences at equal seeds. Only spent.csv holds what a clock has touched.
 */
final class StudyTable {
    private static final List<String> COLLAPSE_TITLES = List.of(
            "loss",
            "std over tokens",
            "std over images",
            "effective rank",
            "cosine over tokens",
            "cosine over channels");

    /** An arm's network: a line of the tables. */
    private record Row(String arm, String of) {}

    private final StudyFile file;
    private final List<Cell> cells;
    private final Map<Cell, CellRecord> records;

    StudyTable(StudyFile file, List<Cell> cells, Map<Cell, CellRecord> records) {
        this.file = file;
        this.cells = cells;
        this.records = records;
    }

    void write(Path folder) throws IOException {
        Disk disk = Disk.real();
        Map<String, String> files = Map.of("study.csv", csv(), "spent.csv", spentCsv(), "study.md", markdown());
        for (Map.Entry<String, String> entry : new TreeMap<>(files).entrySet()) {
            AtomicFolder.writeFile(
                    disk, folder.resolve(entry.getKey()), entry.getValue().getBytes(StandardCharsets.UTF_8));
        }
    }

    /** A line a figure. */
    String csv() {
        StringBuilder csv = new StringBuilder("arm,seed,of,measure,value,low,high\n");
        for (Cell cell : cells) {
            for (Figure f : records.get(cell).figures()) {
                csv.append(quoted(cell.arm())).append(',').append(cell.seed());
                csv.append(',').append(f.of()).append(',').append(f.measure());
                for (double value : new double[] {f.value(), f.low(), f.high()}) {
                    csv.append(',').append(Double.isNaN(value) ? "" : Double.toString(value));
                }
                csv.append('\n');
            }
        }
        return csv.toString();
    }

    /** A line a stage. */
    private String spentCsv() {
        StringBuilder csv = new StringBuilder("arm,seed,stage,steps,images,seconds,gflop_per_step\n");
        for (Cell cell : cells) {
            for (CellRecord.Spent s : records.get(cell).spent()) {
                csv.append(String.format(
                        Locale.ROOT,
                        "%s,%d,%s,%d,%d,%.2f,%.6g%n",
                        quoted(cell.arm()),
                        cell.seed(),
                        s.stage(),
                        s.steps(),
                        s.images(),
                        s.seconds(),
                        s.gflop()));
            }
        }
        return csv.toString();
    }

    private static String quoted(String name) {
        return name.matches("[^,\"\\n\\r]*") ? name : '"' + name.replace("\"", "\"\"") + '"';
    }

    /** Everything that a reader wants to see at once. */
    String markdown() {
        StringBuilder text = new StringBuilder("# Study: " + Printable.of(file.name()) + "\n\n");
        long done = cells.stream().filter(c -> done(records.get(c))).count();
        text.append(done + " of " + cells.size() + " cells, seeds "
                + String.join(", ", file.seeds().stream().map(String::valueOf).toList()) + ".\n");
        accuracies(text);
        differences(text);
        collapse(text);
        spent(text);
        failures(text);
        return text.toString();
    }

    private static boolean done(CellRecord record) {
        return record.error() == null && record.recipe() != null;
    }

    private void accuracies(StringBuilder text) {
        text.append("\n## Accuracy on the test images, %\n\n"
                + "Mean over seeds ± half of its 95 % interval (Student's t), and the value of each seed. The interval speaks"
                + " for the seeds, not for the choice of test images.\n\n");
        List<String> titles = file.probes().stream().map(p -> p.title).toList();
        header(text, "arm | features", titles);
        for (Row row : rows()) {
            List<String> line = new ArrayList<>();
            for (Probe probe : file.probes()) {
                line.add(meanAndValues(values(row, probe.word()), 100, 2));
            }
            line(text, row, line);
        }
    }

    private void differences(StringBuilder text) {
        List<Row> others =
                rows().stream().filter(row -> !row.arm.equals(reference().arm)).toList();
        if (others.isEmpty()) {
            return;
        }
        text.append("\n## Difference to " + cell(reference().arm)
                + " at the same seed, points\n\nMean [95 % interval of the paired differences]; **bold** where it leaves out"
                + " 0. Features without a counterpart there are compared with its student's.\n\n");
        header(text, "arm | features", file.probes().stream().map(p -> p.title).toList());
        for (Row row : others) {
            List<String> line = new ArrayList<>();
            for (Probe probe : file.probes()) {
                line.add(difference(row, probe.word()));
            }
            line(text, row, line);
        }
    }

    private void collapse(StringBuilder text) {
        List<String> columns = new ArrayList<>(List.of(Stage.LOSS));
        columns.addAll(Stage.COLLAPSE);
        List<Row> trained = file.arms().stream()
                .filter(Arm::pretrained)
                .map(arm -> new Row(arm.name(), "training"))
                .filter(row -> !values(row, Stage.LOSS).isEmpty())
                .toList();
        if (trained.isEmpty()) {
            return;
        }
        text.append("\n## At the end of pretraining\n\n"
                + "Of the teacher's targets, or of the student's features where there is no teacher. A std or rank near its"
                + " floor is collapse, whatever the loss.\n\n");
        header(text, "arm", COLLAPSE_TITLES);
        for (Row row : trained) {
            text.append("| ").append(cell(row.arm));
            for (String column : columns) {
                text.append(" | ").append(meanAndValues(values(row, column), 1, 3));
            }
            text.append(" |\n");
        }
    }

    private void spent(StringBuilder text) {
        Map<String, List<CellRecord.Spent>> stages = new LinkedHashMap<>();
        for (Arm arm : file.arms()) {
            for (Cell cell : cells) {
                if (cell.arm().equals(arm.name())) {
                    records.get(cell)
                            .spent()
                            .forEach(s -> stages.computeIfAbsent(
                                            cell(arm.name()) + " | " + s.stage(), key -> new ArrayList<>())
                                    .add(s));
                }
            }
        }
        if (stages.isEmpty()) {
            return;
        }
        text.append(
                "\n## What it took\n\nMean over seeds; seconds of training steps alone, on the machine of the runs.\n\n");
        header(text, "arm | stage", List.of("steps", "images", "seconds", "images/s", "GMAC a step", "TMAC in all"));
        stages.forEach((name, all) -> {
            double steps = mean(all, s -> (double) s.steps());
            double images = mean(all, s -> (double) s.images());
            double seconds = mean(all, CellRecord.Spent::seconds);
            double gmac = mean(all, CellRecord.Spent::gflop) / 2;
            text.append(String.format(
                    Locale.ROOT,
                    "| %s | %.0f | %.0f | %.1f | %.0f | %.3g | %.3g |%n",
                    name,
                    steps,
                    images,
                    seconds,
                    images / seconds,
                    gmac,
                    gmac * steps / 1000));
        });
    }

    private static double mean(List<CellRecord.Spent> all, Function<CellRecord.Spent, Double> of) {
        return all.stream().mapToDouble(of::apply).average().orElse(Double.NaN);
    }

    private void failures(StringBuilder text) {
        List<Cell> failed =
                cells.stream().filter(c -> records.get(c).error() != null).toList();
        if (failed.isEmpty()) {
            return;
        }
        text.append("\n## Failed\n\n");
        failed.forEach(c -> text.append("* ")
                .append(cell(c.label()))
                .append(": ")
                .append(cell(records.get(c).error()))
                .append('\n'));
    }

    /** The lines of the tables of accuracies, arms first, in the order of the file. */
    private List<Row> rows() {
        Set<Row> rows = new LinkedHashSet<>();
        Set<String> arms = new LinkedHashSet<>();
        file.arms().forEach(arm -> arms.add(arm.name()));
        cells.forEach(c -> arms.add(c.arm()));
        for (String arm : arms) {
            for (Cell cell : cells) {
                if (cell.arm().equals(arm)) {
                    records.get(cell).figures().stream()
                            .filter(f -> file.probes().stream()
                                    .anyMatch(p -> p.word().equals(f.measure())))
                            .forEach(f -> rows.add(new Row(arm, f.of())));
                }
            }
        }
        return List.copyOf(rows);
    }

    private Row reference() {
        return new Row(file.arms().get(0).name(), "student");
    }

    /** Values by seed. */
    private Map<Long, Double> values(Row row, String measure) {
        Map<Long, Double> values = new LinkedHashMap<>();
        for (Cell cell : cells) {
            CellRecord record = records.get(cell);
            if (cell.arm().equals(row.arm) && record.error() == null) {
                record.find(row.of, measure).ifPresent(f -> values.put(cell.seed(), f.value()));
            }
        }
        return values;
    }

    private String difference(Row row, String measure) {
        Map<Long, Double> there = values(new Row(reference().arm, row.of), measure);
        if (there.isEmpty()) {
            there = values(reference(), measure);
        }
        Map<Long, Double> base = there;
        double[] differences = values(row, measure).entrySet().stream()
                .filter(e -> base.containsKey(e.getKey()))
                .map(e -> 100 * (e.getValue() - base.get(e.getKey())))
                .filter(Objects::nonNull)
                .mapToDouble(d -> d)
                .toArray();
        if (differences.length == 0) {
            return "";
        }
        Interval interval = Interval.of(differences);
        if (interval.count() < 2) {
            return String.format(Locale.ROOT, "%+.2f", interval.mean());
        }
        boolean clear = interval.low() > 0 || interval.high() < 0;
        String mean = String.format(Locale.ROOT, clear ? "**%+.2f**" : "%+.2f", interval.mean());
        return mean + String.format(Locale.ROOT, " [%+.2f, %+.2f]", interval.low(), interval.high());
    }

    /** {@code 45.10 ± 1.20 (44.80, 45.00, 45.50)}. */
    private static String meanAndValues(Map<Long, Double> values, double scale, int decimals) {
        double[] all = values.values().stream().mapToDouble(v -> scale * v).toArray();
        if (all.length == 0) {
            return "";
        }
        String form = "%." + decimals + "f";
        if (all.length == 1) {
            return String.format(Locale.ROOT, form, all[0]);
        }
        Interval interval = Interval.of(all);
        List<String> each = new ArrayList<>();
        for (double value : all) {
            each.add(String.format(Locale.ROOT, form, value));
        }
        return String.format(Locale.ROOT, form + " ± " + form, interval.mean(), interval.half()) + " ("
                + String.join(", ", each) + ")";
    }

    private static void header(StringBuilder text, String first, List<String> titles) {
        text.append("| ").append(first);
        titles.forEach(title -> text.append(" | ").append(title));
        text.append(" |\n")
                .append("|---".repeat((int) first.chars().filter(c -> c == '|').count() + 1));
        text.append("|---".repeat(titles.size())).append("|\n");
    }

    private static void line(StringBuilder text, Row row, List<String> values) {
        text.append("| ").append(cell(row.arm)).append(" | ").append(row.of);
        values.forEach(value -> text.append(" | ").append(value));
        text.append(" |\n");
    }

    private static String cell(String text) {
        return Printable.of(text).replace("|", "\\|");
    }
}
