package sdae.bench;

import java.util.List;
import sdae.report.Html;
import sdae.report.Numbers;
import sdae.tensor.DType;

/**
 * Results under the machine's roofs (Williams, Waterman, Patterson 2009): FLOP a compulsory byte against GFLOP/s, both
 * logarithmic. Colours are the page's, so the plot follows light and dark.
 */
final class Roofline {
    private static final int COLOURS = 8;
    private static final double LEFT = 64;
    private static final double RIGHT = 880;
    private static final double TOP = 16;
    private static final double BOTTOM = 420;

    private final Limits limits;
    private final List<String> implementations;
    private double xLow = Double.POSITIVE_INFINITY;
    private double xHigh = Double.NEGATIVE_INFINITY;
    private double yLow = Double.POSITIVE_INFINITY;
    private double yHigh = Double.NEGATIVE_INFINITY;

    Roofline(Limits limits, List<String> implementations) {
        this.limits = limits;
        this.implementations = implementations;
    }

    /** The style sheet's colour of the result's implementation. */
    static int colour(List<String> implementations, Result result) {
        return implementations.indexOf(result.implementation()) % COLOURS;
    }

    /** Draws the results that have both FLOPs and bytes; nothing if there are none. */
    void write(Html html, List<Result> results) {
        List<Result> drawn = results.stream()
                .filter(r -> r.timed().flops() > 0 && r.timed().bytes() > 0 && Double.isFinite(r.gigaflops()))
                .toList();
        if (drawn.isEmpty()) {
            return;
        }
        drawn.forEach(r -> include(intensity(r), r.gigaflops()));
        boolean roofs = limits.known();
        if (roofs) {
            include(limits.ridge(DType.F32), limits.f32());
            include(limits.ridge(DType.BF16), limits.peak(DType.BF16));
        }
        roundToDecades();
        html.open("section", "id", "roofline").element("h2", "Roofline");
        html.element(
                "p",
                "A point a result; under the slope memory is the limit, under the flat line multiply-adds are. A point may"
                        + " lie above the slope when its data stay in a cache. Whole steps and kernels without"
                        + " arithmetic have no place here.",
                "class",
                "lead");
        html.open("figure", "class", "chart");
        legend(html);
        html.open(
                "svg",
                "xmlns",
                "http://www.w3.org/2000/svg",
                "viewBox",
                "0 0 900 470",
                "role",
                "img",
                "aria-label",
                "Roofline plot of " + drawn.size() + " results");
        grid(html);
        if (roofs) {
            roofs(html);
        }
        drawn.forEach(r -> point(html, r));
        html.close().close().close();
    }

    private static double intensity(Result result) {
        return result.timed().flops() / result.timed().bytes();
    }

    private void include(double x, double y) {
        xLow = Math.min(xLow, x);
        xHigh = Math.max(xHigh, x);
        yLow = Math.min(yLow, y);
        yHigh = Math.max(yHigh, y);
    }

    /** Whole decades, with room to the right of the ridge. */
    private void roundToDecades() {
        xLow = Math.pow(10, Math.floor(Math.log10(xLow)));
        xHigh = Math.pow(10, Math.floor(Math.log10(xHigh)) + 1);
        yLow = Math.pow(10, Math.floor(Math.log10(yLow)));
        yHigh = Math.pow(10, Math.floor(Math.log10(yHigh)) + 1);
    }

    private String x(double value) {
        return Numbers.coordinate(LEFT + Math.log(value / xLow) / Math.log(xHigh / xLow) * (RIGHT - LEFT));
    }

    private String y(double value) {
        return Numbers.coordinate(BOTTOM - Math.log(value / yLow) / Math.log(yHigh / yLow) * (BOTTOM - TOP));
    }

    private void legend(Html html) {
        html.open("ul", "class", "legend");
        for (int i = 0; i < implementations.size(); i++) {
            html.open("li").open("svg", "class", "key", "viewBox", "0 0 24 8", "aria-hidden", "true");
            html.empty("rect", "class", "bar s" + i % COLOURS, "x", "8", "width", "8", "height", "8");
            html.close().text(implementations.get(i)).close();
        }
        html.close();
    }

    private void grid(Html html) {
        for (int power = exponent(yLow); power <= exponent(yHigh); power++) {
            double value = Math.pow(10, power);
            html.empty("path", "class", "grid", "d", "M" + LEFT + " " + y(value) + "H" + RIGHT);
            html.element("text", Numbers.format(value), "x", "58", "y", y(value), "dy", "4", "class", "end");
        }
        for (int power = exponent(xLow); power <= exponent(xHigh); power++) {
            double value = Math.pow(10, power);
            html.empty("path", "class", "grid", "d", "M" + x(value) + " " + TOP + "V" + BOTTOM);
            html.element("text", Numbers.format(value), "x", x(value), "y", "438", "class", "mid");
        }
        html.element("text", "FLOP/byte", "x", "880", "y", "460", "class", "end");
        html.element("text", "GFLOP/s", "x", "58", "y", "460", "class", "end");
    }

    private static int exponent(double decade) {
        return (int) Math.round(Math.log10(decade));
    }

    /** The slope of memory up to the higher ridge, and a flat line from each ridge on. */
    private void roofs(Html html) {
        double copy = limits.copy();
        double from = Math.max(xLow, yLow / copy);
        double ridge = Math.max(limits.ridge(DType.F32), limits.ridge(DType.BF16));
        double middle = Math.sqrt(from * ridge);
        String name = limits.source().bandwidth() + " " + Numbers.format(copy) + " GB/s";
        roof(html, from, from * copy, ridge, ridge * copy, name);
        label(html, middle, middle * copy, name);
        flat(html, "fp32", limits.ridge(DType.F32), limits.f32());
        if (Double.isFinite(limits.bf16())) {
            flat(html, "bf16", limits.ridge(DType.BF16), limits.bf16());
        }
    }

    private void flat(Html html, String dtype, double ridge, double peak) {
        String name = limits.source().peak() + " " + dtype + " " + Numbers.format(peak) + " GFLOP/s";
        roof(html, ridge, peak, xHigh, peak, name);
        label(html, xHigh, peak, name);
    }

    private void roof(Html html, double fromX, double fromY, double toX, double toY, String name) {
        String d = "M" + x(fromX) + " " + y(fromY) + "L" + x(toX) + " " + y(toY);
        html.open("path", "class", "line plain roof", "d", d);
        html.element("title", name).close();
    }

    /** Above the line and left of the place. */
    private void label(Html html, double atX, double atY, String name) {
        html.element("text", name, "x", x(atX), "y", y(atY), "dx", "-6", "dy", "-6", "class", "end");
    }

    private void point(Html html, Result result) {
        html.open(
                "circle",
                "class",
                "dot s" + colour(implementations, result),
                "cx",
                x(intensity(result)),
                "cy",
                y(result.gigaflops()),
                "r",
                "4.5");
        html.element(
                "title",
                result.timed().name() + ", " + result.implementation() + ": " + Numbers.format(result.gigaflops())
                        + " GFLOP/s at " + Numbers.format(intensity(result)) + " FLOP/byte");
        html.close();
    }
}
