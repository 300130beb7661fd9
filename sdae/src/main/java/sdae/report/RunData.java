package sdae.report;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * What the trainer left in a run folder: {@code config.yaml}, {@code summary.json}, {@code metrics.csv},
 * {@code evals.csv}, {@code profile.csv}. A run may be young, broken off or still going, so every file may be missing; a
 * file that is there and cannot be read is named in {@link #notes()}.
 */
public final class RunData {
    private final Path folder;
    private final String name;
    private final Map<String, String> config;
    private final Map<String, String> summary;
    private final Table metrics;
    private final Table evals;
    private final Table profile;
    private final List<String> notes;

    private RunData(Path folder) {
        this.folder = folder;
        Path last = folder.toAbsolutePath().normalize().getFileName();
        this.name = last == null ? folder.toString() : last.toString();
        this.notes = new ArrayList<>();
        ObjectMapper json = JsonMapper.builder()
                .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
                .build();
        this.config = tree(folder.resolve("config.yaml"), new YAMLMapper());
        this.summary = tree(folder.resolve("summary.json"), json);
        this.metrics = table(folder.resolve("metrics.csv"));
        this.evals = table(folder.resolve("evals.csv"));
        this.profile = table(folder.resolve("profile.csv"));
    }

    /**
     * Reads a run folder.
     *
     * @throws NoSuchFileException when the folder does not exist or holds none of the files of a run
     */
    public static RunData read(Path runFolder) throws IOException {
        if (!Files.isDirectory(runFolder)) {
            throw new NoSuchFileException(runFolder.toString(), null, "report: run folder does not exist");
        }
        boolean any = List.of("config.yaml", "summary.json", "metrics.csv", "evals.csv", "profile.csv").stream()
                .anyMatch(file -> Files.exists(runFolder.resolve(file)));
        if (!any) {
            throw new NoSuchFileException(
                    runFolder.toString(),
                    null,
                    "report: not a run folder, it holds none of config.yaml, summary.json, metrics.csv, evals.csv");
        }
        return new RunData(runFolder);
    }

    /** The folder that was read. */
    public Path folder() {
        return folder;
    }

    /** The folder's own name. */
    public String name() {
        return name;
    }

    /** {@code config.yaml} as dotted keys in the order of the file. */
    public Map<String, String> config() {
        return config;
    }

    /** {@code summary.json} as dotted keys in the order of the file. */
    public Map<String, String> summary() {
        return summary;
    }

    /** What could not be read, a sentence each. */
    public List<String> notes() {
        return Collections.unmodifiableList(notes);
    }

    /** A number of the summary; NaN when it is missing or not a number. */
    double number(String key) {
        try {
            return Double.parseDouble(summary.getOrDefault(key, ""));
        } catch (NumberFormatException e) {
            return Double.NaN;
        }
    }

    Table metrics() {
        return metrics;
    }

    Table evals() {
        return evals;
    }

    Table profile() {
        return profile;
    }

    private Table table(Path file) {
        try {
            return Table.read(file);
        } catch (IOException | UncheckedIOException | IllegalStateException e) {
            notes.add(file.getFileName() + " could not be read: " + e.getMessage());
            return Table.empty();
        }
    }

    private Map<String, String> tree(Path file, ObjectMapper mapper) {
        Map<String, String> flat = new LinkedHashMap<>();
        if (Files.isRegularFile(file)) {
            try {
                flatten("", mapper.readTree(Files.readAllBytes(file)), flat);
            } catch (IOException | JacksonException e) {
                String reason =
                        String.valueOf(e.getMessage()).lines().findFirst().orElse("");
                notes.add(file.getFileName() + " could not be read: " + reason);
            }
        }
        return Collections.unmodifiableMap(flat);
    }

    private static void flatten(String key, JsonNode node, Map<String, String> flat) {
        String prefix = key.isEmpty() ? "" : key + ".";
        if (node.isObject() && !node.isEmpty()) {
            node.properties().forEach(entry -> flatten(prefix + entry.getKey(), entry.getValue(), flat));
        } else if (node.isArray() && node.valueStream().anyMatch(JsonNode::isContainer)) {
            for (int i = 0; i < node.size(); i++) {
                flatten(prefix + i, node.get(i), flat);
            }
        } else if (node.isArray()) {
            flat.put(key, node.valueStream().map(RunData::scalar).toList().toString());
        } else if (!key.isEmpty()) {
            flat.put(key, scalar(node));
        }
    }

    private static String scalar(JsonNode node) {
        return node.isValueNode() && !node.isNull() ? node.asString() : node.toString();
    }
}
