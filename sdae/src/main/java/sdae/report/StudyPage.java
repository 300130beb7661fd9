package sdae.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import sdae.io.AtomicFolder;
import sdae.io.Disk;

/** One page about a study: its dot plots, its tables, and the curves of each arm over its seeds. It fetches nothing. */
public final class StudyPage {
    private StudyPage() {}

    /** An arm and the run folders of its seeds. */
    public record Arm(String name, List<Path> runs) {}

    private record Curve(String column, String title, String unit, double factor, String note) {}

    private static final List<Curve> CURVES = List.of(
            new Curve("knn_student", "kNN accuracy of the student", "% of held-out images", 100, ""),
            new Curve("knn_teacher", "kNN accuracy of the teacher", "% of held-out images", 100, ""),
            new Curve("effective_rank", "Effective rank", "dimensions in use", 1, "A fall that stays is collapse."),
            new Curve(
                    "target_std_images",
                    "Target std across images",
                    "mean over channels",
                    1,
                    "Near 0, every image gets the same target."),
            new Curve(
                    "target_std_tokens",
                    "Target std across tokens",
                    "mean over channels",
                    1,
                    "Near 0, every patch of an image gets the same target."));

    /** Writes the page, at once. */
    public static void write(
            Path out, String title, List<String> facts, List<DotPlot> plots, List<Grid> tables, List<Arm> arms)
            throws IOException {
        Html html = new Html();
        HtmlReport.head(html, title + " · SdAE study");
        html.open("body")
                .open("header")
                .element("p", "SdAE study", "class", "kicker")
                .element("h1", title);
        facts.forEach(fact -> html.element("p", fact, "class", "lead"));
        html.close().open("main");
        if (!plots.isEmpty()) {
            html.open("section").element("h2", "At a glance");
            html.element(
                    "p",
                    "A dot is a seed, the stroke their mean, the line its 95 % interval (cut where it is far wider than the"
                            + " values).",
                    "class",
                    "lead");
            html.open("figure", "class", "chart");
            DotPlot.write(html, plots);
            html.close().close();
        }
        tables.forEach(table -> table.write(html));
        curves(html, arms);
        html.close();
        html.open("script").raw(HtmlReport.resource("report.js")).close();
        String page = "<!DOCTYPE html>\n" + html.close().close().page() + "\n";
        AtomicFolder.writeFile(Disk.real(), out, page.getBytes(StandardCharsets.UTF_8));
    }

    private static void curves(Html html, List<Arm> arms) throws IOException {
        List<LineChart> charts = new ArrayList<>();
        for (Curve curve : CURVES) {
            LineChart chart = new LineChart(curve.title, curve.unit, "epoch").note(curve.note);
            for (int i = 0; i < arms.size(); i++) {
                List<Points> seeds = new ArrayList<>();
                for (Path run : arms.get(i).runs) {
                    Points points = RunData.read(run).evals().points("epoch", curve.column);
                    if (points.drawable()) {
                        seeds.add(points.timesY(curve.factor));
                    }
                }
                if (!seeds.isEmpty()) {
                    chart.band(arms.get(i).name, i, seeds);
                }
            }
            if (chart.drawable()) {
                charts.add(chart);
            }
        }
        if (charts.isEmpty()) {
            return;
        }
        html.open("section").element("h2", "Over training");
        html.element("p", "Mean over the seeds of an arm; the band holds all of them.", "class", "lead");
        html.open("div", "class", "charts");
        charts.forEach(chart -> chart.write(html));
        html.close().close();
    }
}
