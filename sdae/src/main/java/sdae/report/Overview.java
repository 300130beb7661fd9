package sdae.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;

/** The top of the page: what was run, what came out, and kNN accuracy before and after training next to raw pixels. */
final class Overview {
    private record Fact(String name, Function<Run, String> value) {}

    private static final String NONE = "–";

    private static final List<Fact> FACTS = List.of(
            new Fact("objective", run -> orNone(run.objective())),
            new Fact("model", run -> orNone(run.model())),
            new Fact("steps", run -> Numbers.format(run.figure("steps", "step"))),
            new Fact("images seen", run -> Numbers.format(run.imagesSeen())),
            new Fact("time", run -> Numbers.time(run.figure("seconds", "seconds"))),
            new Fact("speed", run -> unit(run.figure("images_per_s", "images_per_s"), "images/s")),
            new Fact("arithmetic", Overview::arithmetic),
            new Fact("peak memory", run -> Numbers.bytes(run.data().number("peak_rss_bytes"))),
            new Fact("final loss", run -> Numbers.format(run.figure("final_loss", "loss"))),
            new Fact("kNN, raw pixels", run -> Numbers.percent(run.knn("knn_raw_pixels"))),
            new Fact("kNN, before training", run -> Numbers.percent(run.knn("knn_untrained"))),
            new Fact("kNN, after training", run -> Numbers.percent(run.knn("knn_trained"))));

    private Overview() {}

    static void write(Html html, List<Run> runs) {
        html.open("section", "id", "overview").element("h2", "Result");
        for (Run run : runs) {
            verdict(html, run, runs.size() > 1);
        }
        html.open("div", "class", "split");
        facts(html, runs);
        BarChart bars = bars(runs);
        if (bars.drawable()) {
            bars.write(html);
        }
        html.close().close();
    }

    /** The outcome in one sentence, and what could not be read. */
    private static void verdict(Html html, Run run, boolean named) {
        List<String> parts = new ArrayList<>();
        double trained = run.knn("knn_trained");
        double untrained = run.knn("knn_untrained");
        double pixels = run.knn("knn_raw_pixels");
        if (Double.isFinite(trained) && Double.isFinite(untrained)) {
            parts.add("kNN accuracy of the frozen features " + (trained >= untrained ? "rose" : "fell") + " from "
                    + Numbers.percent(untrained) + " before training to " + Numbers.percent(trained) + " after it ("
                    + points(trained - untrained) + ")");
        } else if (Double.isFinite(trained)) {
            parts.add("kNN accuracy of the frozen features is " + Numbers.percent(trained));
        }
        if (!parts.isEmpty() && Double.isFinite(pixels)) {
            parts.add("raw pixels give " + Numbers.percent(pixels));
        }
        String sentence = parts.isEmpty() ? "No kNN accuracy yet" : String.join("; ", parts);
        html.open("p", "class", "verdict");
        if (named) {
            html.open("span", "class", "name s" + run.index() % LineChart.COLOURS)
                    .text(run.label())
                    .close()
                    .text(" ");
        }
        html.text(sentence + ".").close();
        for (String note : run.data().notes()) {
            html.element("p", run.label() + ": " + note, "class", "warning");
        }
    }

    private static void facts(Html html, List<Run> runs) {
        html.open("div", "class", "scroll").open("table", "class", "facts");
        if (runs.size() > 1) {
            html.open("thead").open("tr").element("th", "", "scope", "col");
            for (Run run : runs) {
                html.open("th", "scope", "col");
                html.element("span", run.label(), "class", "name s" + run.index() % LineChart.COLOURS)
                        .close();
            }
            html.close().close();
        }
        html.open("tbody");
        for (Fact fact : FACTS) {
            List<String> values = runs.stream().map(fact.value()).toList();
            if (values.stream().anyMatch(value -> !value.equals(NONE))) {
                html.open("tr").element("th", fact.name(), "scope", "row");
                values.forEach(value -> html.element("td", value));
                html.close();
            }
        }
        html.close().close().close();
    }

    private static BarChart bars(List<Run> runs) {
        BarChart chart = new BarChart("kNN accuracy of frozen features", "% of held-out images")
                .note("Training must beat both where it started and the pixels themselves.");
        for (Run run : runs) {
            String colour = "s" + run.index() % LineChart.COLOURS;
            if (runs.size() > 1) {
                chart.group(run.label());
            }
            bar(chart, "raw pixels", run.knn("knn_raw_pixels"), "plain");
            bar(chart, "before training", run.knn("knn_untrained"), colour + " faint");
            bar(chart, "after training", run.knn("knn_trained"), colour);
        }
        return chart;
    }

    private static void bar(BarChart chart, String label, double share, String style) {
        chart.bar(label, share, Numbers.percent(share), style);
    }

    /** Arithmetic done over the whole run, with its share of the machine's measured peak. */
    private static String arithmetic(Run run) {
        double rate = run.data().number("gflop_per_step")
                * run.data().number("steps")
                / run.data().number("seconds");
        if (!Double.isFinite(rate)) {
            return NONE;
        }
        double share = rate / run.data().number("fma_peak_gflops");
        String text = Numbers.format(rate) + " GFLOP/s";
        return Double.isFinite(share) ? text + ", " + Math.round(100 * share) + " % of FMA peak" : text;
    }

    private static String points(double share) {
        return String.format(Locale.ROOT, "%+.1f points", 100 * share).replace('-', '−');
    }

    private static String unit(double value, String unit) {
        return Double.isFinite(value) ? Numbers.format(value) + " " + unit : NONE;
    }

    private static String orNone(String text) {
        return text.isEmpty() ? NONE : text;
    }
}
