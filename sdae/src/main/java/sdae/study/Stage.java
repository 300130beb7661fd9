package sdae.study;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;
import sdae.config.Config;
import sdae.io.ExitCode;
import sdae.io.Json;
import sdae.io.Progress;
import sdae.io.UserError;
import sdae.train.Run;
import tools.jackson.databind.JsonNode;

/** One run of a cell: begun, gone on with, or found finished. */
final class Stage {
    /** Measures of collapse that a pretraining logs, with their titles; the last row counts. */
    static final Map<String, String> COLLAPSE = new LinkedHashMap<>();

    static {
        COLLAPSE.put("target_std_tokens", "std over tokens");
        COLLAPSE.put("target_std_images", "std over images");
        COLLAPSE.put("effective_rank", "effective rank");
        COLLAPSE.put("cosine_token", "cosine over tokens");
        COLLAPSE.put("cosine_channel", "cosine over channels");
    }

    /** Loss of the last step. */
    static final String LOSS = "final_loss";

    private final String name;
    private final Config config;
    private final Path folder;

    Stage(String name, Config config, Path folder) {
        this.name = name;
        this.config = config;
        this.folder = folder;
    }

    /** Trains to the end; false if a signal came before. */
    boolean run(Progress progress, Supplier<String> stop) throws IOException {
        if (Files.exists(folder.resolve("summary.json"))) {
            return true; // written when all else is
        }
        boolean begun = Files.exists(folder.resolve("config.yaml"));
        Config settings = config;
        if (begun) {
            Config own = Config.load(folder.resolve("config.yaml"), null, List.of());
            settings = own.hash().equals(config.hash()) ? config : own; // finetune.from of a study that was moved
        }
        try (Run run = new Run(settings, folder, begun, progress, stop)) {
            return run.train().finished();
        }
    }

    private JsonNode summary() throws IOException {
        return Json.read(folder.resolve("summary.json"));
    }

    CellRecord.Spent spent() throws IOException {
        JsonNode summary = summary();
        return new CellRecord.Spent(
                name,
                summary.path("steps").asLong(),
                summary.path("steps").asLong() * config.imagesPerStep(),
                summary.path("seconds").asDouble(),
                summary.path("gflop_per_step").asDouble());
    }

    /** Top-1 accuracy of a fine-tuning. */
    Figure accuracy(String of) throws IOException {
        JsonNode summary = summary();
        JsonNode ends = summary.path("top1_interval95");
        if (!summary.path("top1").isNumber()) {
            throw new UserError(ExitCode.CONFIG, folder + " was not evaluated; leave eval.run=false out");
        }
        return new Figure(
                of,
                Probe.FINETUNE.word(),
                summary.path("top1").asDouble(),
                ends.path(0).asDouble(),
                ends.path(1).asDouble());
    }

    /** Loss and measures of collapse at the end. */
    List<Figure> logged() throws IOException {
        List<Figure> figures = new ArrayList<>();
        figures.add(Figure.of("training", LOSS, summary().path(LOSS).asDouble(Double.NaN)));
        Path evals = folder.resolve("evals.csv");
        CSVFormat format = CSVFormat.DEFAULT
                .builder()
                .setHeader()
                .setSkipHeaderRecord(true)
                .get();
        try (CSVParser parser = CSVParser.parse(Files.readString(evals), format)) {
            List<CSVRecord> rows = parser.getRecords();
            CSVRecord last = rows.isEmpty() ? null : rows.get(rows.size() - 1);
            for (String column : COLLAPSE.keySet()) {
                if (last != null && last.isSet(column) && !last.get(column).isEmpty()) {
                    figures.add(Figure.of("training", column, Double.parseDouble(last.get(column))));
                }
            }
        }
        return figures;
    }
}
