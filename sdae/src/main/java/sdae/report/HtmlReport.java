package sdae.report;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Base64;
import java.util.List;

/**
 * Writes the report: one HTML file that fetches nothing, with SVG charts and PNG pictures inside, for light, dark and paper.
 * The same runs and figures give the same bytes.
 */
public final class HtmlReport {
    private HtmlReport() {}

    /**
     * Writes the page, replacing {@code out} at once, so that a browser never sees half of it.
     *
     * @param runs at least one; their order gives their colours
     * @param figures pictures, in the order of the page; may be empty
     * @throws IllegalArgumentException when {@code runs} is empty
     */
    public static void write(Path out, List<RunData> runs, List<Figure> figures) throws IOException {
        if (runs.isEmpty()) {
            throw new IllegalArgumentException("report: runs must hold at least one run, but are empty");
        }
        Path folder = out.toAbsolutePath().getParent();
        Files.createDirectories(folder);
        Path part = folder.resolve(out.getFileName() + ".part");
        try {
            Files.writeString(part, page(Run.of(runs), figures));
            Files.move(part, out, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(part);
        }
    }

    private static String page(List<Run> runs, List<Figure> figures) {
        String title = runs.size() == 1 ? runs.get(0).label() : runs.size() + " runs";
        Html html = new Html();
        head(html, title + " · SdAE report");
        html.open("body").open("header");
        html.element("p", "SdAE pretraining report", "class", "kicker").element("h1", title);
        html.close();
        html.open("main");
        Overview.write(html, runs);
        Curves.knn(html, runs);
        Curves.collapse(html, runs);
        Tables.evaluations(html, runs);
        pictures(html, figures);
        Curves.training(html, runs);
        Curves.others(html, runs);
        Tables.profile(html, runs);
        Tables.config(html, runs);
        Tables.machine(html, runs);
        html.close();
        html.open("script").raw(resource("report.js")).close();
        return "<!DOCTYPE html>\n" + html.close().close().page() + "\n";
    }

    /** Opens the page and writes its head: nothing is fetched from anywhere. */
    public static void head(Html html, String title) {
        html.open("html", "lang", "en").open("head").empty("meta", "charset", "utf-8");
        html.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
        html.empty("meta", "name", "color-scheme", "content", "light dark");
        html.empty(
                "meta",
                "http-equiv",
                "Content-Security-Policy",
                "content",
                "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'");
        html.element("title", title);
        html.open("style").raw(resource("report.css")).close().close();
    }

    static void pictures(Html html, List<Figure> figures) {
        if (figures.isEmpty()) {
            return;
        }
        html.open("section", "id", "pictures").element("h2", "Pictures");
        for (Figure figure : figures) {
            html.open("figure", "class", "pictures").open("figcaption").element("strong", figure.title());
            html.element("p", figure.caption(), "class", "note").close();
            for (Sheet.Row row : figure.sheet().rows()) {
                html.open("div", "class", row.caption().isEmpty() ? "strip plain" : "strip");
                if (!row.caption().isEmpty()) {
                    html.element("p", row.caption(), "class", "rowname");
                }
                picture(html, row, figure.alt());
                html.close();
            }
            html.close();
        }
        html.close();
    }

    private static void picture(Html html, Sheet.Row row, String alt) {
        BufferedImage strip = row.strip();
        String caption = row.caption().isEmpty() ? "" : row.caption() + ": ";
        html.empty(
                "img",
                "alt",
                caption + alt,
                "width",
                String.valueOf(strip.getWidth()),
                "height",
                String.valueOf(strip.getHeight()),
                "src",
                "data:image/png;base64," + Base64.getEncoder().encodeToString(Pictures.png(strip)));
    }

    static String resource(String name) {
        try (InputStream stream = HtmlReport.class.getResourceAsStream(name)) {
            if (stream == null) {
                throw new IllegalStateException("report: " + name + " is not on the class path");
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new IllegalStateException("report: " + name + " could not be read", e);
        }
    }
}
