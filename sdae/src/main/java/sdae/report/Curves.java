package sdae.report;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/** The curves: training, collapse metrics, kNN, and every further column that was logged. */
final class Curves {
    private record Curve(String column, String title, String unit, String note) {}

    private static final List<Curve> TRAINING = List.of(
            new Curve("lr", "Learning rate", "", ""),
            new Curve("momentum", "Teacher momentum", "EMA weight of the old teacher", ""),
            new Curve("weight_decay", "Weight decay", "", ""),
            new Curve("grad_norm", "Gradient norm", "L2, all parameters", ""),
            new Curve("images_per_s", "Speed", "images/s", ""));

    private static final List<Curve> COLLAPSE = List.of(
            new Curve(
                    "target_std_tokens",
                    "Target std across tokens",
                    "mean over channels",
                    "How much the teacher's targets differ from patch to patch of one image; a fall towards 0 is collapse:"
                            + " every patch gets the same answer."),
            new Curve(
                    "target_std_images",
                    "Target std across images",
                    "mean over channels",
                    "How much the targets differ from image to image; a fall towards 0 is collapse: they tell positions"
                            + " apart, but not pictures."),
            new Curve(
                    "effective_rank",
                    "Effective rank",
                    "dimensions in use",
                    "How many directions of feature space carry variance; a steady fall is dimensional collapse, even"
                            + " while the loss improves."),
            new Curve(
                    "cosine_token",
                    "Cosine over tokens",
                    "student vs. teacher, −1 to 1",
                    "Agreement of each channel's pattern over the patches of a fold; it should rise slowly, and a jump"
                            + " to 1 says that the task became trivial."),
            new Curve(
                    "cosine_channel",
                    "Cosine over channels",
                    "student vs. teacher, −1 to 1",
                    "Agreement of each patch's feature vector; read it with the one over tokens: high here and low there"
                            + " means that only the mean feature is matched."),
            new Curve(
                    "student_teacher_distance",
                    "Student–teacher distance",
                    "of the weights",
                    "It should rise, then shrink as the learning rate falls; stuck at 0 the teacher follows at once and"
                            + " teaches nothing, growing without end it no longer follows."));

    private static final Set<String> KNOWN = Set.of("step", "epoch", "loss", "seconds", "knn_student", "knn_teacher");

    private Curves() {}

    static void training(Html html, List<Run> runs) {
        List<LineChart> charts = new ArrayList<>();
        Map<String, List<Run>> objectives = new LinkedHashMap<>();
        runs.forEach(run -> objectives
                .computeIfAbsent(run.objective(), key -> new ArrayList<>())
                .add(run));
        objectives.forEach((objective, group) -> {
            String title =
                    objectives.size() > 1 ? "Loss, " + (objective.isEmpty() ? "no objective" : objective) : "Loss";
            LineChart chart = new LineChart(title, lossUnit(objective), "step");
            group.forEach(run ->
                    chart.noisy(run.label(), run.index(), run.data().metrics().points("step", "loss")));
            charts.add(chart);
        });
        for (Curve curve : TRAINING) {
            charts.add(chart(curve, runs, RunData::metrics));
        }
        String lead = "Thick: centred moving median over a fiftieth of the logged values; faint: the values.";
        if (objectives.size() > 1) {
            lead += " Losses of different objectives cannot be compared, so each has its own chart.";
        }
        section(html, "training", "Training", lead, charts);
    }

    static void knn(Html html, List<Run> runs) {
        LineChart bySteps = new LineChart("kNN accuracy", "% of held-out images", "step");
        LineChart byTime = new LineChart("kNN accuracy against time", "% of held-out images", "minutes");
        for (Run run : runs) {
            for (String side : List.of("student", "teacher")) {
                Points points = run.data().evals().points("step", "knn_" + side);
                double most =
                        java.util.Arrays.stream(points.sortedValues()).max().orElse(0);
                Points percent = points.timesY(most > 1 ? 1 : 100);
                String name = runs.size() > 1 ? run.label() + ", " + side : side;
                boolean dashed = side.equals("student");
                bySteps.line(name, run.index(), dashed, percent);
                byTime.line(
                        name,
                        run.index(),
                        dashed,
                        percent.mapX(step -> minutes(run.data().metrics(), step)));
            }
        }
        section(
                html,
                "knn",
                "kNN over time",
                "What the frozen features are worth: nearest neighbours on held-out images, no training on labels."
                        + " Solid: teacher; dashed: student.",
                List.of(bySteps, byTime));
    }

    static void collapse(Html html, List<Run> runs) {
        List<LineChart> charts = new ArrayList<>();
        for (Curve curve : COLLAPSE) {
            List<String> readings = new ArrayList<>();
            for (Run run : runs) {
                reading(run, curve.column(), runs.size() > 1).ifPresent(readings::add);
            }
            charts.add(chart(curve, runs, RunData::evals).readings(readings));
        }
        section(
                html,
                "collapse",
                "Is it healthy?",
                "The loss alone is no measure of health: a teacher that gives every patch the same target makes the task"
                        + " trivial and the loss small. Look here and at kNN.",
                charts);
    }

    /** Columns that this page has no words for. */
    static void others(Html html, List<Run> runs) {
        List<LineChart> charts = new ArrayList<>();
        for (Function<RunData, Table> table : List.<Function<RunData, Table>>of(RunData::metrics, RunData::evals)) {
            Set<String> columns = new LinkedHashSet<>();
            runs.forEach(run -> columns.addAll(table.apply(run.data()).columns()));
            columns.removeAll(KNOWN);
            TRAINING.forEach(curve -> columns.remove(curve.column()));
            COLLAPSE.forEach(curve -> columns.remove(curve.column()));
            for (String column : columns) {
                charts.add(chart(new Curve(column, column, "", ""), runs, table));
            }
        }
        section(html, "others", "Other logged values", "", charts);
    }

    private static LineChart chart(Curve curve, List<Run> runs, Function<RunData, Table> table) {
        LineChart chart = new LineChart(curve.title(), curve.unit(), "step").note(curve.note());
        for (Run run : runs) {
            Points points = table.apply(run.data()).points("step", curve.column());
            boolean schedule = curve.column().equals("lr")
                    || curve.column().equals("momentum")
                    || curve.column().equals("weight_decay");
            if (schedule || points.size() < 200) {
                chart.line(run.label(), run.index(), false, points);
            } else {
                chart.noisy(run.label(), run.index(), points);
            }
        }
        return chart;
    }

    /** First and last value, with a warning when little is left of the largest. */
    private static java.util.Optional<String> reading(Run run, String column, boolean named) {
        Points points = run.data().evals().points("step", column);
        if (!points.drawable()) {
            return java.util.Optional.empty();
        }
        double[] sorted = points.sortedValues();
        double most = sorted[sorted.length - 1];
        String text = (named ? run.label() + ": " : "") + "first " + Numbers.format(points.first()) + ", last "
                + Numbers.format(points.last());
        boolean falls = column.startsWith("target_std") || column.equals("effective_rank");
        if (falls && points.last() < 0.2 * most) {
            text += "; only " + Math.round(100 * points.last() / most) + " % of its largest value is left: collapse?";
        }
        return java.util.Optional.of(text);
    }

    private static void section(Html html, String id, String title, String lead, List<LineChart> all) {
        List<LineChart> charts = all.stream().filter(LineChart::drawable).toList();
        if (charts.isEmpty()) {
            return;
        }
        html.open("section", "id", id).element("h2", title);
        if (!lead.isEmpty()) {
            html.element("p", lead, "class", "lead");
        }
        html.open("div", "class", "charts");
        charts.forEach(chart -> chart.write(html));
        html.close().close();
    }

    private static String lossUnit(String objective) {
        return switch (objective) {
            case "sdae" -> "1 − cosine";
            case "mae" -> "mean squared error of masked pixels";
            default -> "";
        };
    }

    /** The time of a step from the metrics, between its neighbours; NaN outside of them. */
    private static double minutes(Table metrics, double step) {
        if (step == 0) {
            return 0;
        }
        Points times = metrics.points("step", "seconds");
        for (int i = 0; i < times.size(); i++) {
            if (times.x(i) >= step) {
                double x0 = i == 0 ? 0 : times.x(i - 1);
                double y0 = i == 0 ? 0 : times.y(i - 1);
                return (y0 + (times.y(i) - y0) * (step - x0) / (times.x(i) - x0)) / 60;
            }
        }
        return Double.NaN;
    }
}
