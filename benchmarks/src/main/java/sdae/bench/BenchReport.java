package sdae.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import sdae.bench.Ratios.Interval;
import sdae.report.Html;
import sdae.report.HtmlReport;
import sdae.report.Numbers;

/** Results as one HTML file that fetches nothing: where they were measured, a table, a roofline plot. */
final class BenchReport {
    private static final String NONE = "–";

    private final ResultFile now;
    private final ResultFile earlier;
    private final List<String> implementations;

    private BenchReport(ResultFile now, ResultFile earlier) {
        this.now = now;
        this.earlier = earlier;
        implementations =
                now.results().stream().map(Result::implementation).distinct().toList();
    }

    /** {@code bench.html} beside {@code bench.json}. */
    static Path beside(Path json) {
        return beside(json, ".html");
    }

    /** The file of that ending beside {@code bench.json}. */
    static Path beside(Path json, String ending) {
        String name = json.getFileName().toString();
        return json.resolveSibling((name.endsWith(".json") ? name.substring(0, name.length() - 5) : name) + ending);
    }

    /**
     * Writes the page, replacing {@code out} at once.
     *
     * @param earlier results to hold these against, or null
     */
    static void write(Path out, ResultFile now, ResultFile earlier) throws IOException {
        Path part = out.resolveSibling(out.getFileName() + ".part");
        try {
            Files.writeString(part, page(now, earlier));
            Files.move(part, out, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    static String page(ResultFile now, ResultFile earlier) {
        return new BenchReport(now, earlier).page();
    }

    private String page() {
        Html html = new Html();
        HtmlReport.head(html, "SdAE benchmarks");
        html.open("body").open("header").element("p", "SdAE", "class", "kicker");
        html.element("h1", "Benchmarks").close().open("main");
        facts(html);
        now.goals().html(html);
        table(html);
        new Roofline(now.limits(), implementations).write(html, now.results());
        return "<!DOCTYPE html>\n" + html.close().close().close().page() + "\n";
    }

    private void facts(Html html) {
        html.open("section", "id", "machine").element("h2", "Measured where");
        html.open("table", "class", "facts").open("tbody");
        now.header().forEach((name, value) -> fact(html, name, value));
        if (now.limits().known()) {
            limits(html, now.limits());
        }
        html.close().close();
        if (earlier != null) {
            html.element("h3", "Held against").open("table", "class", "facts").open("tbody");
            for (String name : List.of("cpu", "date", "commit", "load before", "load after")) {
                fact(html, name, earlier.header().getOrDefault(name, "unknown"));
            }
            html.close().close();
        }
        html.close();
    }

    private static void limits(Html html, Limits limits) {
        String peak = limits.source().peak();
        fact(html, peak + ", fp32", Numbers.format(limits.f32()) + " GFLOP/s");
        fact(
                html,
                peak + ", bf16",
                Double.isFinite(limits.bf16())
                        ? Numbers.format(limits.bf16()) + " GFLOP/s"
                        : "not measured; bf16 is held against fp32");
        fact(html, limits.source().bandwidth(), Numbers.format(limits.copy()) + " GB/s");
    }

    private static void fact(Html html, String name, String value) {
        html.open("tr").element("th", name, "scope", "row").element("td", value).close();
    }

    private void table(Html html) {
        List<String> peers =
                implementations.stream().filter(i -> !i.equals(SdaePeer.NAME)).toList();
        html.open("section", "id", "results").element("h2", "Results");
        html.element(
                "p",
                "Medians over all rounds. A ratio to a peer is its time over ours, pair by pair: above 1 we are faster;"
                        + " brackets hold the 95 % interval."
                        + (earlier == null ? "" : " Earlier / now compares medians: above 1 it became faster."),
                "class",
                "lead");
        html.open("div", "class", "scroll").open("table", "class", "numbers");
        html.open("thead").open("tr");
        List<String> heads = new ArrayList<>(List.of(
                "case",
                "dtype",
                "implementation",
                "threads",
                "median µs",
                "GB/s",
                "GFLOP/s",
                "of " + now.limits().source().peak(),
                "of " + now.limits().source().bandwidth(),
                "cores busy",
                "peak memory GB"));
        peers.forEach(peer -> heads.add(peer + " / ours"));
        if (earlier != null) {
            heads.add("earlier / now");
        }
        heads.forEach(head -> html.element("th", head, "scope", "col"));
        html.close().close().open("tbody");
        for (Result result : now.results()) {
            row(html, result, peers);
        }
        html.close().close().close().close();
    }

    private void row(Html html, Result result, List<String> peers) {
        Case timed = result.timed();
        double flops = timed.flops() > 0 ? result.gigaflops() : Double.NaN;
        double bytes = timed.bytes() > 0 ? result.gigabytes() : Double.NaN;
        html.open("tr");
        html.element("th", timed.kernel().label() + " " + timed.shape().name(), "scope", "row");
        html.element("td", timed.dtype().name().toLowerCase(Locale.ROOT));
        html.element("td", result.implementation(), "class", "name s" + Roofline.colour(implementations, result));
        html.element("td", Integer.toString(result.threads()));
        html.element("td", Numbers.format(result.median() * 1e6));
        html.element("td", Numbers.format(bytes));
        html.element("td", Numbers.format(flops));
        html.element("td", Numbers.percent(flops / now.limits().peak(timed.dtype())));
        html.element("td", Numbers.percent(bytes / now.limits().copy()));
        html.element("td", Numbers.percent(result.busy() > 0 ? result.busy() : Double.NaN));
        html.element("td", Numbers.format(result.peakBytes() > 0 ? result.peakBytes() * 1e-9 : Double.NaN));
        for (String peer : peers) {
            html.element("td", result.ours() ? ratio(result, peer) : NONE);
        }
        if (earlier != null) {
            html.element("td", times(earlierRatio(result, earlier)));
        }
        html.close();
    }

    private String ratio(Result ours, String peer) {
        for (Result other : now.results()) {
            if (other.implementation().equals(peer) && other.sameAs(ours)) {
                Interval ratio = Ratios.median95(Ratios.pairs(other.rounds(), ours.rounds()));
                return ratio.known()
                        ? String.format(Locale.ROOT, "%.2f× [%.2f, %.2f]", ratio.value(), ratio.low(), ratio.high())
                        : NONE;
            }
        }
        return NONE;
    }

    private static String times(double ratio) {
        return Double.isFinite(ratio) ? String.format(Locale.ROOT, "%.2f×", ratio) : NONE;
    }

    /** The earlier median over this one, of the same case, implementation, device and threads; NaN if there was none. */
    static double earlierRatio(Result result, ResultFile earlier) {
        return earlier.results().stream()
                .filter(old -> old.sameAs(result) && old.implementation().equals(result.implementation()))
                .mapToDouble(old -> old.median() / result.median())
                .findFirst()
                .orElse(Double.NaN);
    }
}
