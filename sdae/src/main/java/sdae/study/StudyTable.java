package sdae.study;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import sdae.io.AtomicFolder;
import sdae.io.Disk;
import sdae.io.Printable;
import sdae.report.DotPlot;
import sdae.report.Grid;
import sdae.report.StudyPage;

/**
 * The figures of a study side by side: study.csv with a line a figure, spent.csv with what they cost, study.md with means,
 * intervals and differences at equal seeds, study.svg with every value, and all of it with curves in study.html.
 */
final class StudyTable {
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
        List<DotPlot> plots = plots();
        Map<String, String> files = new LinkedHashMap<>();
        files.put("study.csv", StudyCsv.figures(cells, records));
        files.put("spent.csv", StudyCsv.spent(cells, records));
        files.put("study.md", markdown());
        files.put("study.svg", DotPlot.svg(plots));
        for (Map.Entry<String, String> entry : files.entrySet()) {
            AtomicFolder.writeFile(
                    disk, folder.resolve(entry.getKey()), entry.getValue().getBytes(StandardCharsets.UTF_8));
        }
        StudyPage.write(folder.resolve("study.html"), file.name(), List.of(facts()), plots, grids(), curves());
    }

    /** Everything that a reader wants to see at once. */
    String markdown() {
        StringBuilder text = new StringBuilder("# Study: " + Printable.of(file.name()) + "\n\n" + facts() + "\n");
        grids().forEach(grid -> text.append(grid.markdown()));
        return text.toString();
    }

    private String facts() {
        long done = cells.stream().filter(c -> done(records.get(c))).count();
        return done + " of " + cells.size() + " cells, seeds "
                + String.join(", ", file.seeds().stream().map(String::valueOf).toList()) + ".";
    }

    private static boolean done(CellRecord record) {
        return record.error() == null && record.recipe() != null;
    }

    /** The tables, without those that would be empty. */
    private List<Grid> grids() {
        return Stream.of(accuracies(), differences(), collapse(), spent(), failures())
                .filter(grid -> !grid.rows().isEmpty())
                .toList();
    }

    private Grid accuracies() {
        return probes(
                "Accuracy on the test images, %",
                "Mean over seeds ± half of its 95 % interval (Student's t), and the value of each seed. The interval speaks for"
                        + " the seeds, not for the choice of test images.",
                rows(),
                (row, probe) -> meanAndValues(values(row, probe.word()), 100, 2));
    }

    private Grid differences() {
        return probes(
                "Difference to " + reference().arm + " at the same seed, points",
                "Mean [95 % interval of the paired differences]; **bold** where it leaves out 0. Features without a counterpart"
                        + " there are compared with its student's.",
                rows().stream().filter(row -> !row.arm.equals(reference().arm)).toList(),
                (row, probe) -> difference(row, probe.word()));
    }

    private Grid probes(String title, String lead, List<Row> rows, BiFunction<Row, Probe, String> text) {
        List<String> columns = new ArrayList<>(List.of("arm", "features"));
        file.probes().forEach(probe -> columns.add(probe.title));
        List<List<String>> lines = new ArrayList<>();
        for (Row row : rows) {
            List<String> line = new ArrayList<>(List.of(row.arm, row.of));
            file.probes().forEach(probe -> line.add(text.apply(row, probe)));
            lines.add(line);
        }
        return new Grid(title, lead, 2, columns, lines);
    }

    private Grid collapse() {
        List<List<String>> lines = new ArrayList<>();
        for (Arm arm : file.arms()) {
            Row row = new Row(arm.name(), "training");
            List<String> line = new ArrayList<>(List.of(row.arm));
            line.add(meanAndValues(values(row, Stage.LOSS), 1, 3));
            Stage.COLLAPSE.keySet().forEach(column -> line.add(meanAndValues(values(row, column), 1, 3)));
            if (!values(row, Stage.LOSS).isEmpty()) {
                lines.add(line);
            }
        }
        List<String> columns = new ArrayList<>(List.of("arm", "loss"));
        columns.addAll(Stage.COLLAPSE.values());
        return new Grid(
                "At the end of pretraining",
                "Of the teacher's targets, or of the student's features where there is no teacher. A std near 0 or a rank near"
                        + " 1 is collapse, whatever the loss.",
                1,
                columns,
                lines);
    }

    private Grid spent() {
        Map<List<String>, List<CellRecord.Spent>> stages = new LinkedHashMap<>();
        for (Arm arm : file.arms()) {
            for (Cell cell : cells) {
                if (cell.arm().equals(arm.name())) {
                    records.get(cell)
                            .spent()
                            .forEach(s -> stages.computeIfAbsent(
                                            List.of(arm.name(), s.stage()), key -> new ArrayList<>())
                                    .add(s));
                }
            }
        }
        List<List<String>> lines = new ArrayList<>();
        stages.forEach((name, all) -> {
            double steps = mean(all, s -> (double) s.steps());
            double images = mean(all, s -> (double) s.images());
            double seconds = mean(all, CellRecord.Spent::seconds);
            double gmac = mean(all, CellRecord.Spent::gflop) / 2;
            lines.add(List.of(
                    name.get(0),
                    name.get(1),
                    text("%.0f", steps),
                    text("%.0f", images),
                    text("%.1f", seconds),
                    text("%.0f", images / seconds),
                    text("%.3g", gmac),
                    text("%.3g", gmac * steps / 1000)));
        });
        return new Grid(
                "What it took",
                "Mean over seeds. Seconds are those of training steps alone, on the machine of the runs; a multiply-add (MAC) is"
                        + " counted once, forward, backward and teacher.",
                2,
                List.of("arm", "stage", "steps", "images", "seconds", "images/s", "GMAC a step", "TMAC in all"),
                lines);
    }

    private static double mean(List<CellRecord.Spent> all, Function<CellRecord.Spent, Double> of) {
        return all.stream().mapToDouble(of::apply).average().orElse(Double.NaN);
    }

    private Grid failures() {
        List<List<String>> lines = cells.stream()
                .filter(c -> records.get(c).error() != null)
                .map(c -> List.of(c.label(), records.get(c).error()))
                .toList();
        return new Grid("Failed", "These cells have no part in the tables above.", 1, List.of("cell", "reason"), lines);
    }

    /** A plot a probe, and one of the effective rank. */
    private List<DotPlot> plots() {
        List<DotPlot> plots = new ArrayList<>();
        List<String> arms = rows().stream().map(Row::arm).distinct().toList();
        for (Probe probe : file.probes()) {
            DotPlot plot = new DotPlot(probe.title + ", % of the test images");
            rows().forEach(row -> row(
                    plot,
                    row,
                    row.arm.equals(row.of) ? row.arm : row.arm + ", " + row.of,
                    arms,
                    values(row, probe.word()),
                    100));
            plots.add(plot);
        }
        DotPlot rank = new DotPlot("effective rank at the end of pretraining");
        for (String arm : arms) {
            Row row = new Row(arm, "training");
            row(rank, row, arm, arms, values(row, "effective_rank"), 1);
        }
        plots.add(rank);
        return plots.stream().filter(DotPlot::drawable).toList();
    }

    private static void row(
            DotPlot plot, Row row, String label, List<String> arms, Map<Long, Double> values, double scale) {
        double[] all = values.values().stream().mapToDouble(v -> scale * v).toArray();
        Interval interval = Interval.of(all);
        plot.row(label, arms.indexOf(row.arm), all, interval.mean(), interval.half());
    }

    private List<StudyPage.Arm> curves() {
        List<StudyPage.Arm> arms = new ArrayList<>();
        for (Arm arm : file.arms()) {
            List<Path> runs = cells.stream()
                    .filter(c -> c.arm().equals(arm.name()) && c.kind() == Cell.Kind.PRETRAINED && done(records.get(c)))
                    .map(Cell::folder)
                    .toList();
            if (!runs.isEmpty()) {
                arms.add(new StudyPage.Arm(arm.name(), runs));
            }
        }
        return arms;
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
                .mapToDouble(d -> d)
                .toArray();
        if (differences.length == 0) {
            return "";
        }
        return Interval.of(differences).difference();
    }

    /** {@code 45.10 ± 1.20 (44.80, 45.00, 45.50)}. */
    private static String meanAndValues(Map<Long, Double> values, double scale, int decimals) {
        double[] all = values.values().stream().mapToDouble(v -> scale * v).toArray();
        if (all.length == 0) {
            return "";
        }
        String form = "%." + decimals + "f";
        String mean = Interval.of(all).text(form);
        return all.length == 1
                ? mean
                : mean + Arrays.stream(all).mapToObj(v -> text(form, v)).collect(Collectors.joining(", ", " (", ")"));
    }

    private static String text(String form, double value) {
        return String.format(Locale.ROOT, form, value);
    }
}
