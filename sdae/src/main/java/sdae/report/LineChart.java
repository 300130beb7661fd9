package sdae.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A chart of curves over one axis, written as a {@code <figure>} with a legend and an SVG. The SVG takes its colours from the
 * page ({@code s0}..{@code s7}, one a run), so it follows light, dark and print. Each curve has a {@code <title>}; the page's
 * script adds values under the pointer.
 */
final class LineChart {
    /** The colours of the page's style sheet; the ninth run starts over. */
    static final int COLOURS = 8;

    private static final double LEFT = 56;
    private static final double RIGHT = 468;
    private static final double TOP = 12;
    private static final double BOTTOM = 214;
    private static final int MARKED_POINTS = 40;
    /** Two points a pixel column: more cannot be seen. */
    private static final int DRAWN_POINTS = 800;

    private record Line(String name, int colour, boolean dashed, Points points, Points raw, Points low, Points high) {
        Line(String name, int colour, boolean dashed, Points points, Points raw) {
            this(name, colour, dashed, points, raw, points, points);
        }
    }

    private final String title;
    private final String unit;
    private final String xLabel;
    private final List<Line> lines = new ArrayList<>();
    private String note = "";
    private List<String> readings = List.of();

    /** {@code unit} says what y is, {@code xLabel} what x is; either may be empty. */
    LineChart(String title, String unit, String xLabel) {
        this.title = title;
        this.unit = unit;
        this.xLabel = xLabel;
    }

    /** One sentence under the title. */
    LineChart note(String sentence) {
        note = sentence;
        return this;
    }

    /** Short lines under the chart, such as one value a run; one that ends in a question mark is set as a warning. */
    LineChart readings(List<String> texts) {
        readings = texts;
        return this;
    }

    /** Adds a curve of run {@code run}; one without a finite value is left out. */
    LineChart line(String name, int run, boolean dashed, Points points) {
        if (points.drawable()) {
            lines.add(new Line(name, run % COLOURS, dashed, points, null));
        }
        return this;
    }

    /** Adds a noisy curve: its moving median over a fiftieth of the points, and the curve itself faintly behind. */
    LineChart noisy(String name, int run, Points points) {
        int half = points.size() / 100;
        if (half < 1) {
            return line(name, run, false, points);
        }
        if (points.drawable()) {
            lines.add(new Line(name, run % COLOURS, false, points.smooth(half, DRAWN_POINTS / 2), points));
        }
        return this;
    }

    /** Adds the mean of several curves with the band that holds them, as far as they were measured at the same x. */
    LineChart band(String name, int run, List<Points> curves) {
        Points first = curves.get(0);
        int count = curves.stream().mapToInt(Points::size).min().orElse(0);
        double[] xs = new double[count];
        double[][] ys = new double[3][count];
        for (int i = 0; i < count; i++) {
            int at = i;
            xs[i] = first.x(i);
            if (curves.stream().anyMatch(curve -> curve.x(at) != first.x(at))) {
                return line(name, run, false, first);
            }
            double[] values = curves.stream().mapToDouble(curve -> curve.y(at)).toArray();
            ys[0][i] = Arrays.stream(values).min().orElse(Double.NaN);
            ys[1][i] = Arrays.stream(values).average().orElse(Double.NaN);
            ys[2][i] = Arrays.stream(values).max().orElse(Double.NaN);
        }
        Points mean = new Points(xs, ys[1]);
        if (mean.drawable()) {
            Points low = new Points(xs, ys[0]);
            lines.add(new Line(name, run % COLOURS, false, mean, null, low, new Points(xs, ys[2])));
        }
        return this;
    }

    /** Whether there is anything to draw. */
    boolean drawable() {
        return !lines.isEmpty();
    }

    void write(Html html) {
        html.open("figure", "class", "chart");
        html.open("figcaption").element("strong", title).text(" ");
        html.element("span", unit, "class", "unit").close();
        if (!note.isEmpty()) {
            html.element("p", note, "class", "note");
        }
        legend(html);
        Axis x = xAxis();
        Axis y = yAxis();
        html.open(
                "svg",
                "xmlns",
                "http://www.w3.org/2000/svg",
                "viewBox",
                "0 0 480 262",
                "class",
                lines.size() > 1 ? "many" : "one",
                "role",
                "img",
                "aria-label",
                summary(),
                "data-domain",
                x.low() + " " + x.high() + " " + y.low() + " " + y.high(),
                "data-plot",
                LEFT + " " + RIGHT + " " + TOP + " " + BOTTOM,
                "data-x",
                xLabel);
        grid(html, x, y);
        lines.stream().filter(line -> line.low() != line.high()).forEach(line -> fill(html, line, x, y));
        int hidden = 0;
        for (Line line : lines) {
            if (line.raw() != null) {
                hidden += outside(line.raw(), y);
                path(html, line, line.raw(), "raw", x, y);
            }
        }
        for (Line line : lines) {
            path(html, line, line.points(), line.dashed() ? "line dash" : "line", x, y);
            marks(html, line, x, y);
        }
        html.close();
        if (hidden > 0) {
            html.element(
                    "p",
                    hidden + (hidden == 1 ? " value lies" : " values lie") + " outside the axis.",
                    "class",
                    "note");
        }
        for (String reading : readings) {
            html.element("p", reading, "class", reading.endsWith("?") ? "reading warning" : "reading");
        }
        html.close();
    }

    private void legend(Html html) {
        if (lines.size() < 2) {
            return;
        }
        html.open("ul", "class", "legend");
        for (Line line : lines) {
            html.open("li").open("svg", "class", "key", "viewBox", "0 0 24 8", "aria-hidden", "true");
            html.empty("path", "d", "M0 4H24", "class", (line.dashed() ? "line dash s" : "line s") + line.colour());
            html.close().text(line.name()).close();
        }
        html.close();
    }

    /** What the chart shows, for those who do not see it: first and last value of every curve. */
    private String summary() {
        StringBuilder text = new StringBuilder(title);
        for (Line line : lines) {
            text.append("; ").append(describe(line));
        }
        return text.toString();
    }

    private String describe(Line line) {
        Points points = line.points();
        return line.name() + ": " + Numbers.format(points.first()) + " at " + xLabel + " " + Numbers.format(points.x(0))
                + ", " + Numbers.format(points.last()) + " at " + Numbers.format(points.x(points.size() - 1));
    }

    private Axis xAxis() {
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (Line line : lines) {
            for (int i = 0; i < line.points().size(); i++) {
                low = Math.min(low, line.points().x(i));
                high = Math.max(high, line.points().x(i));
            }
        }
        // A curve that starts near 0 starts at 0: step 1 of 3,000 is no reason for an odd axis.
        return Axis.of(low >= 0 && low < 0.1 * high ? 0 : low, high, 6);
    }

    /** Holds every curve; of a noisy one's raw values the middle 98 %, so that one spike does not flatten the rest. */
    private Axis yAxis() {
        double low = Double.POSITIVE_INFINITY;
        double high = Double.NEGATIVE_INFINITY;
        for (Line line : lines) {
            double[] lows = line.low().sortedValues();
            double[] highs = line.high().sortedValues();
            low = Math.min(low, lows[0]);
            high = Math.max(high, highs[highs.length - 1]);
            if (line.raw() != null) {
                double[] raw = line.raw().sortedValues();
                low = Math.min(low, raw[raw.length / 100]);
                high = Math.max(high, raw[raw.length - 1 - raw.length / 100]);
            }
        }
        return Axis.padded(low, high, 5);
    }

    private static int outside(Points points, Axis y) {
        int count = 0;
        for (int i = 0; i < points.size(); i++) {
            count += points.y(i) < y.low() || points.y(i) > y.high() ? 1 : 0;
        }
        return count;
    }

    private void grid(Html html, Axis x, Axis y) {
        for (double tick : y.ticks()) {
            String at = Numbers.coordinate(y.place(tick, BOTTOM, TOP));
            html.empty("path", "class", "grid", "d", "M" + LEFT + " " + at + "H" + RIGHT);
            String label = y.label(tick);
            html.element("text", label, "x", "49", "y", at, "dy", ".35em", "class", "tick end");
        }
        html.empty("path", "class", "axis", "d", "M" + LEFT + " " + BOTTOM + "H" + RIGHT);
        for (double tick : x.ticks()) {
            String at = Numbers.coordinate(x.place(tick, LEFT, RIGHT));
            html.empty("path", "class", "axis", "d", "M" + at + " " + BOTTOM + "v5");
            html.element("text", x.label(tick), "x", at, "y", "233", "class", "tick mid");
        }
        html.element("text", xLabel, "x", Numbers.coordinate(RIGHT), "y", "255", "class", "tick end name");
    }

    private static void fill(Html html, Line line, Axis x, Axis y) {
        StringBuilder d = new StringBuilder();
        for (int i = 0; i < 2 * line.low().size(); i++) {
            int back = 2 * line.low().size() - 1 - i;
            Points side = i < line.low().size() ? line.low() : line.high();
            int at = Math.min(i, back);
            if (Double.isFinite(side.y(at))) {
                d.append(d.isEmpty() ? 'M' : 'L').append(Numbers.coordinate(x.place(side.x(at), LEFT, RIGHT)));
                d.append(' ').append(Numbers.coordinate(y.place(side.y(at), BOTTOM, TOP)));
            }
        }
        html.empty("path", "class", "band s" + line.colour(), "d", d.append('Z').toString());
    }

    private void path(Html html, Line line, Points all, String style, Axis x, Axis y) {
        Points points = all.thin(DRAWN_POINTS);
        StringBuilder d = new StringBuilder();
        boolean pen = false;
        for (int i = 0; i < points.size(); i++) {
            double value = points.y(i);
            if (Double.isFinite(value)) {
                // A value far outside is drawn at the edge: it shows that there is one.
                double at = Math.max(TOP - 6, Math.min(BOTTOM, y.place(value, BOTTOM, TOP)));
                d.append(pen ? 'L' : 'M').append(Numbers.coordinate(x.place(points.x(i), LEFT, RIGHT)));
                d.append(' ').append(Numbers.coordinate(at));
            }
            pen = Double.isFinite(value);
        }
        html.open("path", "class", style + " s" + line.colour(), "d", d.toString(), "data-name", line.name());
        html.element("title", describe(line)).close();
    }

    private void marks(Html html, Line line, Axis x, Axis y) {
        Points points = line.raw() == null ? line.points() : line.raw();
        boolean dots = points.size() <= MARKED_POINTS;
        for (int i = 0; i < points.size(); i++) {
            boolean finite = Double.isFinite(points.y(i));
            String at = Numbers.coordinate(x.place(points.x(i), LEFT, RIGHT));
            if (!finite && (i == 0 || Double.isFinite(points.y(i - 1)))) {
                html.open("text", "class", "bad", "x", at, "y", Numbers.coordinate(BOTTOM - 5));
                html.element("title", line.name() + ": not finite at " + xLabel + " " + Numbers.format(points.x(i)));
                html.text("×").close();
            } else if (finite && dots) {
                String cy = Numbers.coordinate(y.place(points.y(i), BOTTOM, TOP));
                String style = (line.dashed() ? "dot hollow s" : "dot s") + line.colour();
                html.open("circle", "class", style, "cx", at, "cy", cy, "r", "3");
                html.element(
                        "title",
                        line.name() + ": " + Numbers.format(points.y(i)) + " at " + xLabel + " "
                                + Numbers.format(points.x(i)));
                html.close();
            }
        }
    }
}
