package sdae.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import sdae.io.AtomicFolder;
import sdae.io.Disk;

/** One HTML file of figures alone, in the report's style; it fetches nothing. */
public final class PicturePage {
    private PicturePage() {}

    /**
     * Writes the page, at once.
     *
     * @param facts a line each, under the title
     */
    public static void write(Path out, String title, List<String> facts, List<Figure> figures) throws IOException {
        Html html = new Html();
        HtmlReport.head(html, title + " · SdAE pictures");
        html.open("body")
                .open("header")
                .element("p", "SdAE pictures", "class", "kicker")
                .element("h1", title);
        for (String fact : facts) {
            html.element("p", fact, "class", "lead");
        }
        html.close().open("main");
        HtmlReport.pictures(html, figures);
        html.close();
        String page = "<!DOCTYPE html>\n" + html.close().close().page() + "\n";
        AtomicFolder.writeFile(Disk.real(), out, page.getBytes(StandardCharsets.UTF_8));
    }
}
