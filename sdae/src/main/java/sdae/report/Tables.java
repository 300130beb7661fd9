package sdae.report;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;

/** The tables: time per part of the step, evaluations, config, machine. */
final class Tables {
    private static final Set<String> IN_OVERVIEW = Set.of(
            "steps",
            "images",
            "seconds",
            "images_per_s",
            "final_loss",
            "knn_untrained",
            "knn_trained",
            "knn_raw_pixels",
            "peak_rss_bytes");

    private Tables() {}

    /** Where the time of a step goes, a table a run; gflop and bytes are totals over the calls, as the seconds are. */
    static void profile(Html html, List<Run> runs) {
        if (runs.stream().allMatch(run -> run.data().profile().rows() == 0)) {
            return;
        }
        html.open("section", "id", "profile").element("h2", "Where the time goes");
        html.element(
                "p",
                "Parts of the training step by time. GFLOP/s and GB/s are counted from the shapes; a dash means that the"
                        + " part has no such count.",
                "class",
                "lead");
        for (Run run : runs) {
            if (run.data().profile().rows() > 0) {
                if (runs.size() > 1) {
                    html.element("h3", run.label(), "class", "name s" + run.index() % LineChart.COLOURS);
                }
                profile(html, run);
            }
        }
        html.close();
    }

    private static void profile(Html html, Run run) {
        Table table = run.data().profile();
        double total = 0;
        double most = 0;
        for (int row = 0; row < table.rows(); row++) {
            double seconds = table.number(row, "seconds");
            total += Double.isFinite(seconds) ? seconds : 0;
            most = Double.isFinite(seconds) ? Math.max(most, seconds) : most;
        }
        html.open("div", "class", "scroll")
                .open("table", "class", "numbers")
                .open("thead")
                .open("tr");
        for (String head : List.of("part", "share", "", "seconds", "calls", "ms a call", "GFLOP/s", "GB/s")) {
            html.element("th", head, "scope", "col");
        }
        html.close().close().open("tbody");
        int[] order = IntStream.range(0, table.rows())
                .boxed()
                .sorted((a, b) -> Double.compare(seconds(table, b), seconds(table, a)))
                .mapToInt(Integer::intValue)
                .toArray();
        for (int row : order) {
            double seconds = table.number(row, "seconds");
            html.open("tr").element("th", table.text(row, "part"), "scope", "row");
            html.element("td", total > 0 ? Numbers.percent(seconds / total) : "–");
            html.open("td", "class", "barcell");
            html.open(
                    "svg",
                    "class",
                    "cellbar",
                    "viewBox",
                    "0 0 100 8",
                    "preserveAspectRatio",
                    "none",
                    "aria-hidden",
                    "true");
            String width = Numbers.coordinate(most > 0 && seconds > 0 ? 100 * seconds / most : 0);
            html.empty("rect", "class", "bar s" + run.index() % LineChart.COLOURS, "width", width, "height", "8");
            html.close().close();
            html.element("td", Numbers.format(seconds));
            html.element("td", Numbers.format(table.number(row, "calls")));
            html.element("td", Numbers.format(1000 * seconds / table.number(row, "calls")));
            html.element("td", rate(table.number(row, "gflop") / seconds));
            html.element("td", rate(table.number(row, "bytes") / 1e9 / seconds));
            html.close();
        }
        html.close()
                .open("tfoot")
                .open("tr")
                .element("th", "all parts", "scope", "row")
                .element("td", "");
        html.element("td", "")
                .element("td", Numbers.format(total))
                .element("td", "")
                .element("td", "");
        html.element("td", "").element("td", "").close().close().close().close();
    }

    /** A rate; a dash for nothing counted or no time. */
    private static String rate(double value) {
        return Numbers.format(value > 0 && Double.isFinite(value) ? value : Double.NaN);
    }

    private static double seconds(Table table, int row) {
        double seconds = table.number(row, "seconds");
        return Double.isFinite(seconds) ? seconds : -1;
    }

    /** The numbers behind the evaluation curves, folded away. */
    static void evaluations(Html html, List<Run> runs) {
        for (Run run : runs) {
            Table table = run.data().evals();
            if (table.rows() == 0) {
                continue;
            }
            html.open("details").element("summary", "All evaluations of " + run.label() + " as a table");
            html.open("div", "class", "scroll")
                    .open("table", "class", "numbers")
                    .open("thead")
                    .open("tr");
            table.columns().forEach(column -> html.element("th", column, "scope", "col"));
            html.close().close().open("tbody");
            for (int row = 0; row < table.rows(); row++) {
                html.open("tr");
                for (String column : table.columns()) {
                    double value = table.number(row, column);
                    html.element("td", Double.isFinite(value) ? Numbers.format(value) : table.text(row, column));
                }
                html.close();
            }
            html.close().close().close().close();
        }
    }

    static void config(Html html, List<Run> runs) {
        String lead = runs.size() > 1 ? "Keys that differ between the runs come first and are marked." : "";
        keys(html, "config", "Config", lead, runs, run -> run.data().config(), Set.of());
    }

    static void machine(Html html, List<Run> runs) {
        String lead = "What the run was made with, from its summary.";
        keys(
                html,
                "machine",
                "Machine and versions",
                lead,
                runs,
                run -> run.data().summary(),
                IN_OVERVIEW);
    }

    private static void keys(
            Html html,
            String id,
            String title,
            String lead,
            List<Run> runs,
            Function<Run, Map<String, String>> values,
            Set<String> hidden) {
        Set<String> all = new LinkedHashSet<>();
        runs.forEach(run -> all.addAll(values.apply(run).keySet()));
        all.removeAll(hidden);
        if (all.isEmpty()) {
            return;
        }
        List<String> ordered = new ArrayList<>();
        all.stream().filter(key -> differs(key, runs, values)).forEach(ordered::add);
        int different = ordered.size();
        all.stream().filter(key -> !differs(key, runs, values)).forEach(ordered::add);
        html.open("section", "id", id).element("h2", title);
        if (!lead.isEmpty()) {
            html.element("p", lead, "class", "lead");
        }
        html.open("div", "class", "scroll").open("table", "class", runs.size() > 1 ? "keys" : "keys single");
        if (runs.size() > 1) {
            html.open("thead").open("tr").element("th", "key", "scope", "col");
            for (Run run : runs) {
                html.open("th", "scope", "col");
                html.element("span", run.label(), "class", "name s" + run.index() % LineChart.COLOURS)
                        .close();
            }
            html.close().close();
        }
        html.open("tbody");
        for (int i = 0; i < ordered.size(); i++) {
            html.open("tr", "class", i < different ? "differs" : "same");
            html.element("th", ordered.get(i), "scope", "row");
            for (Run run : runs) {
                html.element("td", values.apply(run).getOrDefault(ordered.get(i), "–"));
            }
            html.close();
        }
        html.close().close().close().close();
    }

    private static boolean differs(String key, List<Run> runs, Function<Run, Map<String, String>> values) {
        return runs.stream()
                        .map(run -> values.apply(run).getOrDefault(key, ""))
                        .distinct()
                        .count()
                > 1;
    }
}
