package sdae.report;

import java.util.ArrayList;
import java.util.List;

/** Horizontal bars from 0 with a label and the value beside each, in groups; an SVG inside a {@code <figure>}. */
final class BarChart {
    private static final double LEFT = 108;
    private static final double RIGHT = 410;
    private static final double ROW = 24;

    private record Bar(String label, String value, double size, String style) {}

    private final String title;
    private final String unit;
    private final List<Bar> bars = new ArrayList<>();
    private String note = "";

    BarChart(String title, String unit) {
        this.title = title;
        this.unit = unit;
    }

    BarChart note(String sentence) {
        note = sentence;
        return this;
    }

    /** A heading over the bars that follow. */
    BarChart group(String name) {
        bars.add(new Bar(name, "", Double.NaN, "group"));
        return this;
    }

    /** A bar; {@code style} holds its classes. One that is not finite is left out. */
    BarChart bar(String label, double size, String value, String style) {
        if (Double.isFinite(size)) {
            bars.add(new Bar(label, value, size, style));
        }
        return this;
    }

    boolean drawable() {
        return bars.stream().anyMatch(bar -> Double.isFinite(bar.size()));
    }

    void write(Html html) {
        double most = bars.stream()
                .mapToDouble(Bar::size)
                .filter(Double::isFinite)
                .max()
                .orElse(1);
        StringBuilder summary = new StringBuilder(title);
        bars.forEach(bar -> summary.append("; ").append(bar.label()).append(' ').append(bar.value()));
        html.open("figure", "class", "chart bars");
        html.open("figcaption").element("strong", title).text(" ");
        html.element("span", unit, "class", "unit").close();
        if (!note.isEmpty()) {
            html.element("p", note, "class", "note");
        }
        html.open(
                "svg",
                "xmlns",
                "http://www.w3.org/2000/svg",
                "viewBox",
                "0 0 480 " + Numbers.coordinate(bars.size() * ROW + 4),
                "role",
                "img",
                "aria-label",
                summary.toString());
        for (int i = 0; i < bars.size(); i++) {
            write(html, bars.get(i), i * ROW + 4, most);
        }
        html.close().close();
    }

    private static void write(Html html, Bar bar, double top, double most) {
        String text = Numbers.coordinate(top + ROW / 2);
        if (!Double.isFinite(bar.size())) {
            html.element("text", bar.label(), "x", "4", "y", text, "dy", ".35em", "class", "tick strong");
            return;
        }
        double length = most > 0 ? Math.max(1, bar.size() / most * (RIGHT - LEFT)) : 1;
        html.element("text", bar.label(), "x", "100", "y", text, "dy", ".35em", "class", "tick end");
        html.open(
                "rect",
                "class",
                "bar " + bar.style(),
                "x",
                Numbers.coordinate(LEFT),
                "y",
                Numbers.coordinate(top + 3),
                "width",
                Numbers.coordinate(length),
                "height",
                Numbers.coordinate(ROW - 6),
                "rx",
                "2");
        html.element("title", bar.label() + ": " + bar.value()).close();
        String end = Numbers.coordinate(LEFT + length + 7);
        html.element("text", bar.value(), "x", end, "y", text, "dy", ".35em", "class", "tick value");
    }
}
