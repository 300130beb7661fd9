package sdae.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Values in rows over one axis: a dot a value, a line for the interval of their mean, a stroke for the mean. The picture
 * stands alone: an SVG file, white, that needs no style sheet.
 */
public final class DotPlot {
    /** Width of an average letter, rather large than small: the page's font is not known. */
    private static final double LETTER = 7;

    private static final double RIGHT = 610;
    private static final double ROW = 22;
    private static final double HEAD = 26;
    private static final double FOOT = 30;
    private static final int WIDTH = 640;
    private static final String[] COLOURS = {
        "#2563b0", "#c8551b", "#23834f", "#8a4bb2", "#9a7400", "#0c7f90", "#bd3560", "#5c6470"
    };
    /** Under a class of its own: inside a page it neither takes the page's style nor changes it. */
    private static final String STYLE =
            ".dotplot text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',"
                    + "sans-serif;fill:#1c1e22}.dotplot .soft{fill:#5b616b}.dotplot .grid{stroke:#e2e4e8}"
                    + ".dotplot .end{text-anchor:end}.dotplot .mid{text-anchor:middle}.dotplot .title{font-weight:600}";

    private record Row(String label, int colour, double[] values, double mean, double half) {}

    private final String title;
    private final List<Row> rows = new ArrayList<>();

    public DotPlot(String title) {
        this.title = title;
    }

    /** A row; {@code half} of the interval's width may be NaN. {@code colour} counts through the arms. */
    public DotPlot row(String label, int colour, double[] values, double mean, double half) {
        if (values.length > 0 && Arrays.stream(values).allMatch(Double::isFinite)) {
            rows.add(new Row(label, colour % COLOURS.length, values.clone(), mean, half));
        }
        return this;
    }

    public boolean drawable() {
        return !rows.isEmpty();
    }

    private double height() {
        return HEAD + rows.size() * ROW + FOOT;
    }

    /** Where its values begin: right of its labels. */
    private double left() {
        return Math.min(
                WIDTH / 2.0,
                20
                        + LETTER
                                * rows.stream()
                                        .mapToInt(row -> row.label.length())
                                        .max()
                                        .orElse(0));
    }

    /** Plots under each other, as the text of an SVG file. */
    public static String svg(List<DotPlot> plots) {
        Html html = new Html();
        write(html, plots);
        return html.page() + "\n";
    }

    static void write(Html html, List<DotPlot> plots) {
        double height = plots.stream().mapToDouble(DotPlot::height).sum();
        html.open(
                "svg",
                "xmlns",
                "http://www.w3.org/2000/svg",
                "class",
                "dotplot",
                "viewBox",
                "0 0 " + WIDTH + " " + Numbers.coordinate(height),
                "width",
                String.valueOf(WIDTH),
                "height",
                Numbers.coordinate(height),
                "role",
                "img",
                "aria-label",
                String.join("; ", plots.stream().map(plot -> plot.title).toList()));
        html.open("style").raw(STYLE).close();
        html.empty("rect", "width", "100%", "height", "100%", "fill", "#ffffff");
        double left = plots.stream().mapToDouble(DotPlot::left).max().orElse(0);
        double top = 0;
        for (DotPlot plot : plots) {
            plot.draw(html, top, left);
            top += plot.height();
        }
        html.close();
    }

    private void draw(Html html, double top, double left) {
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (Row row : rows) {
            low = Math.min(low, Arrays.stream(row.values).min().orElseThrow());
            high = Math.max(high, Arrays.stream(row.values).max().orElseThrow());
        }
        // an interval of two values may be wider than all the rest; it is cut at twice the range of the values
        double room = Math.max(high - low, 1e-6 * Math.max(1, Math.abs(high)));
        for (Row row : rows) {
            if (Double.isFinite(row.half)) {
                low = Math.min(low, Math.max(low - room / 2, row.mean - row.half));
                high = Math.max(high, Math.min(high + room / 2, row.mean + row.half));
            }
        }
        Axis axis = Axis.padded(low, high, 6);
        double bottom = top + HEAD + rows.size() * ROW;
        html.element("text", title, "x", "10", "y", at(top + 17), "class", "title");
        for (double tick : axis.ticks()) {
            String x = at(axis.place(tick, left, RIGHT));
            html.empty("path", "class", "grid", "d", "M" + x + " " + at(top + HEAD) + "V" + at(bottom));
            html.element("text", axis.label(tick), "x", x, "y", at(bottom + 15), "class", "soft mid");
        }
        for (int i = 0; i < rows.size(); i++) {
            row(html, rows.get(i), axis, left, top + HEAD + (i + 0.5) * ROW);
        }
    }

    private static void row(Html html, Row row, Axis axis, double left, double y) {
        String colour = COLOURS[row.colour];
        html.element("text", row.label, "x", at(left - 10), "y", at(y), "dy", ".35em", "class", "end");
        html.open("g", "stroke", colour, "fill", colour);
        html.element(
                "title",
                row.label + ": " + Numbers.format(row.mean)
                        + (Double.isFinite(row.half) ? " ± " + Numbers.format(row.half) : ""));
        if (Double.isFinite(row.half)) {
            String from = at(inside(axis.place(row.mean - row.half, left, RIGHT), left));
            String to = at(inside(axis.place(row.mean + row.half, left, RIGHT), left));
            html.empty("path", "d", "M" + from + " " + at(y) + "H" + to, "stroke-width", "2", "opacity", ".45");
        }
        String mean = at(axis.place(row.mean, left, RIGHT));
        html.empty("path", "d", "M" + mean + " " + at(y - 7) + "v14", "stroke-width", "2.5");
        for (double value : row.values) {
            String x = at(axis.place(value, left, RIGHT));
            html.empty("circle", "cx", x, "cy", at(y), "r", "3", "stroke", "#ffffff", "stroke-width", ".8");
        }
        html.close();
    }

    private static double inside(double x, double left) {
        return Math.max(left, Math.min(RIGHT, x));
    }

    private static String at(double value) {
        return Numbers.coordinate(value);
    }
}
