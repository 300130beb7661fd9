package sdae.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import sdae.bench.Goal.Outcome;
import sdae.report.Html;

/** Goals and what was found, as rows for the terminal, Markdown, HTML and JSON. */
record GoalTable(List<Outcome> outcomes) {
    private static final List<String> HEADS = List.of("what", "goal", "measured [95 % interval]", "against", "verdict");

    private static List<String> cells(Outcome outcome) {
        return List.of(
                outcome.goal().name(),
                outcome.goal().limitText(),
                outcome.figure(),
                outcome.found().about(),
                outcome.verdict());
    }

    /** How many are met, of those measured. */
    String summary() {
        long known = outcomes.stream().filter(Outcome::known).count();
        long met = outcomes.stream().filter(o -> o.known() && o.met()).count();
        String missing = known < outcomes.size() ? ", " + (outcomes.size() - known) + " not measured" : "";
        return met + " of " + known + " goals met" + missing;
    }

    /** A line a goal, columns aligned. */
    String text() {
        int[] widths = new int[HEADS.size()];
        for (Outcome outcome : outcomes) {
            List<String> cells = cells(outcome);
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], cells.get(i).length());
            }
        }
        StringBuilder text = new StringBuilder();
        for (Outcome outcome : outcomes) {
            List<String> cells = cells(outcome);
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < widths.length; i++) {
                line.append(cells.get(i))
                        .append(" ".repeat(widths[i] - cells.get(i).length() + 2));
            }
            text.append(line.toString().stripTrailing()).append('\n');
        }
        return text.append(summary()).append('\n').toString();
    }

    /** The table under what it was measured on. */
    String markdown(Map<String, String> header, Limits limits) {
        StringBuilder text = new StringBuilder();
        header.forEach((name, value) ->
                text.append("- ").append(name).append(": ").append(value).append('\n'));
        text.append("- limits: ").append(limits.text()).append("\n\n| ");
        text.append(String.join(" | ", HEADS)).append(" |\n|").append("---|".repeat(HEADS.size()));
        for (Outcome outcome : outcomes) {
            text.append("\n| ").append(String.join(" | ", cells(outcome))).append(" |");
        }
        return text.append("\n\n").append(summary()).append(".\n").toString();
    }

    void writeMarkdown(Path file, Map<String, String> header, Limits limits) throws IOException {
        Files.writeString(file, markdown(header, limits));
    }

    /** A section of the report; nothing without goals. */
    void html(Html html) {
        if (outcomes.isEmpty()) {
            return;
        }
        html.open("section", "id", "goals").element("h2", "Goals").element("p", summary() + ".", "class", "lead");
        html.open("div", "class", "scroll")
                .open("table", "class", "goals")
                .open("thead")
                .open("tr");
        HEADS.forEach(head -> html.element("th", head, "scope", "col"));
        html.close().close().open("tbody");
        for (Outcome outcome : outcomes) {
            html.open("tr");
            cells(outcome).forEach(cell -> html.element("td", cell));
            html.close();
        }
        html.close().close().close().close();
    }

    /** As members of the results' file. */
    List<Map<String, Object>> json() {
        return outcomes.stream().map(GoalTable::entry).toList();
    }

    private static Map<String, Object> entry(Outcome outcome) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("what", outcome.goal().name());
        entry.put("goal", outcome.goal().limit());
        entry.put("at_most", outcome.goal().figure().atMost());
        Ratios.Interval figure = outcome.found().figure();
        if (outcome.known()) {
            entry.put("measured", figure.value());
            entry.put("low", figure.low());
            entry.put("high", figure.high());
            entry.put("about", outcome.found().about());
        }
        entry.put("verdict", outcome.verdict());
        return entry;
    }
}
