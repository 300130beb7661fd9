package sdae.report;

import java.util.List;
import sdae.io.Printable;

/**
 * A table of text, for Markdown and for a page.
 *
 * @param lead how to read it
 * @param labels columns at the left that name the line
 * @param rows a text a column; one that begins with {@code **} is set off
 */
public record Grid(String title, String lead, int labels, List<String> columns, List<List<String>> rows) {
    private static final String STRONG = "**";

    /** A section of Markdown. */
    public String markdown() {
        StringBuilder text = new StringBuilder("\n## " + title + "\n\n" + lead + "\n\n");
        line(text, columns);
        text.append("|---".repeat(columns.size())).append("|\n");
        rows.forEach(row -> line(text, row));
        return text.toString();
    }

    private static void line(StringBuilder text, List<String> cells) {
        cells.forEach(cell ->
                text.append("| ").append(Printable.of(cell).replace("|", "\\|")).append(' '));
        text.append("|\n");
    }

    void write(Html html) {
        html.open("section").element("h2", title).element("p", lead.replace(STRONG, ""), "class", "lead");
        html.open("div", "class", "scroll")
                .open("table", "class", "numbers")
                .open("thead")
                .open("tr");
        for (int i = 0; i < columns.size(); i++) {
            html.element("th", columns.get(i), "scope", "col", "class", i < labels ? "name" : "value");
        }
        html.close().close().open("tbody");
        for (List<String> row : rows) {
            html.open("tr");
            for (int i = 0; i < row.size(); i++) {
                String text = row.get(i);
                if (i < labels) {
                    html.element("th", text, "scope", "row");
                } else if (text.startsWith(STRONG)) {
                    html.open("td").element("strong", text.replace(STRONG, "")).close();
                } else {
                    html.element("td", text);
                }
            }
            html.close();
        }
        html.close().close().close().close();
    }
}
