package sdae.study;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import sdae.io.AtomicFolder;
import sdae.io.Disk;
import sdae.io.Json;
import tools.jackson.databind.JsonNode;

/** What a cell has come to, in its {@code cell.json}: figures, what they cost, or why there are none. */
final class CellRecord {
    private static final String FILE = "cell.json";

    /**
     * What a stage took.
     *
     * @param gflop 1e9 floating-point operations of an update, forward, backward and teacher; a multiply-add is two
     */
    record Spent(String stage, long steps, long images, double seconds, double gflop) {}

    private final Path folder;
    private String recipe;
    private String error;
    private double seconds;
    private final List<Figure> figures = new ArrayList<>();
    private final List<Spent> spent = new ArrayList<>();

    private CellRecord(Path folder) {
        this.folder = folder;
    }

    /** That of a cell; empty if it has none yet. */
    static CellRecord of(Cell cell) throws IOException {
        CellRecord record = new CellRecord(cell.folder());
        Path file = cell.folder().resolve(FILE);
        if (Files.exists(file)) {
            record.read(Json.read(file));
        }
        return record;
    }

    private void read(JsonNode json) {
        recipe = json.path("recipe").asString(null);
        error = json.path("error").asString(null);
        seconds = json.path("seconds").asDouble(0);
        for (JsonNode f : json.path("figures")) {
            figures.add(new Figure(
                    f.path("of").asString(""),
                    f.path("measure").asString(""),
                    number(f, "value"),
                    number(f, "low"),
                    number(f, "high")));
        }
        for (JsonNode s : json.path("spent")) {
            spent.add(new Spent(
                    s.path("stage").asString(""),
                    s.path("steps").asLong(),
                    s.path("images").asLong(),
                    s.path("seconds").asDouble(),
                    s.path("gflop").asDouble()));
        }
    }

    private static double number(JsonNode node, String key) {
        return node.path(key).isNumber() ? node.path(key).asDouble() : Double.NaN;
    }

    /** Of the settings that the figures belong to; null before there are any. */
    String recipe() {
        return recipe;
    }

    /** Why the cell failed, or null. */
    String error() {
        return error;
    }

    /** Wall-clock seconds of all its starts. */
    double seconds() {
        return seconds;
    }

    List<Figure> figures() {
        return figures;
    }

    List<Spent> spent() {
        return spent;
    }

    boolean has(String of, String measure) {
        return find(of, measure).isPresent();
    }

    Optional<Figure> find(String of, String measure) {
        return figures.stream()
                .filter(f -> f.of().equals(of) && f.measure().equals(measure))
                .findFirst();
    }

    /** Adds a figure, or puts it in the place of an older one of that name. */
    void put(Figure figure) {
        replace(figures, figure, f -> f.of().equals(figure.of()) && f.measure().equals(figure.measure()));
    }

    void put(Spent stage) {
        replace(spent, stage, s -> s.stage().equals(stage.stage()));
    }

    private static <T> void replace(List<T> all, T now, Predicate<T> same) {
        for (int i = 0; i < all.size(); i++) {
            if (same.test(all.get(i))) {
                all.set(i, now);
                return;
            }
        }
        all.add(now);
    }

    /** Writes the file durably. */
    void save(Cell cell, String failure, double took) throws IOException {
        recipe = cell.recipe();
        error = failure;
        seconds += took;
        List<Object> values = new ArrayList<>();
        for (Figure f : figures) {
            Map<String, Object> value = new LinkedHashMap<>();
            value.put("of", f.of());
            value.put("measure", f.measure());
            value.put("value", f.value());
            if (!Double.isNaN(f.low())) {
                value.put("low", f.low());
                value.put("high", f.high());
            }
            values.add(value);
        }
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("format", 1);
        json.put("arm", cell.arm());
        json.put("seed", cell.seed());
        json.put("recipe", recipe);
        json.put("error", error);
        json.put("seconds", seconds);
        json.put("figures", values);
        json.put("spent", spent);
        Disk disk = Disk.real();
        AtomicFolder.createFolders(disk, folder.toAbsolutePath());
        Json.write(disk, folder.resolve(FILE), json);
    }
}
