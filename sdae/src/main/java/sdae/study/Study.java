package sdae.study;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.function.Supplier;
import sdae.config.Config;
import sdae.data.DataException;
import sdae.data.RunData;
import sdae.io.AtomicFolder;
import sdae.io.Disk;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.Progress;
import sdae.io.RunLock;
import sdae.io.UserError;
import sdae.study.Cell.Kind;
import sdae.train.Run;

/**
 * Trains and measures the cells that are not done, one after the other, and writes the tables anew after each. A cell is a run
 * folder like any other, so it is resumed to the same bits; its figures are in its {@code cell.json}.
 */
public final class Study {
    /** Faults of a cell alone; any other (a full disk, say) would befall the next one too. */
    private static final Set<ExitCode> OF_A_CELL =
            Set.of(ExitCode.CONFIG, ExitCode.DATA, ExitCode.CHECKPOINT, ExitCode.NUMERIC);

    /**
     * What to do of it.
     *
     * @param sets settings over the base, under the arms
     * @param seeds the first so many; 0: all
     * @param only names of arms; empty: all, and the baselines
     * @param retry whether failed cells are tried again
     */
    public record Options(List<String> sets, int seeds, List<String> only, boolean retry) {}

    private final StudyFile file;
    private final Path out;
    private final Options options;
    private final PrintStream log;
    private final Supplier<String> stop;
    private final List<Cell> cells;
    private final Map<Cell, CellRecord> records = new HashMap<>();
    /** Training images by the settings that choose them. */
    private final Map<String, Integer> images = new HashMap<>();

    private final StudyClock clock = new StudyClock();

    /**
     * Reads the file, and checks the settings of every cell, also against what has begun.
     *
     * @param out null: {@code studies/NAME}
     * @param log for lines of progress
     * @param stop asked before every step and every batch of images: the name of the signal that has come, or null
     * @throws UserError (exit 2) with all faults
     */
    public Study(Path config, Path out, Options options, PrintStream log, Supplier<String> stop) throws IOException {
        this.file = StudyFile.read(config);
        this.out = out != null ? out : Path.of("studies").resolve(Arm.folder(file.name()));
        this.options = options;
        this.log = log;
        this.stop = stop;
        for (String name : options.only) {
            if (file.arms().stream().noneMatch(arm -> arm.name().equals(name))) {
                throw new UserError(
                        ExitCode.CONFIG,
                        "study: there is no arm '" + Printable.of(name) + "'; there are "
                                + String.join(
                                        ", ",
                                        file.arms().stream().map(Arm::name).toList()));
            }
        }
        cells = Cells.of(file, options.sets, this.out);
        for (Cell cell : cells) {
            CellRecord record = CellRecord.of(cell);
            Cells.unchanged(cell, record);
            records.put(cell, record);
        }
    }

    public Path folder() {
        return out;
    }

    /** Cells that were asked for. */
    private List<Cell> chosen() {
        int seeds = options.seeds > 0
                ? Math.min(options.seeds, file.seeds().size())
                : file.seeds().size();
        List<Long> first = file.seeds().subList(0, seeds);
        return cells.stream()
                .filter(cell -> first.contains(cell.seed()))
                .filter(cell -> options.only.isEmpty() || options.only.contains(cell.arm()))
                .toList();
    }

    /** A line a cell: what it will take, or that it is done. */
    public List<String> plan() {
        List<String> lines = new ArrayList<>();
        for (Cell cell : chosen()) {
            List<String> parts = new ArrayList<>();
            if (cell.kind() == Kind.PRETRAINED) {
                parts.add(steps("pretrain", cell.network()));
            }
            if (cell.finetuning() != null) {
                parts.add(steps("finetune", cell.finetuning()));
            }
            Map<String, List<Probe>> missing = missing(cell);
            CellRecord record = records.get(cell);
            String state = record.error() != null ? "failed: " + record.error() : missing.isEmpty() ? "done" : "to do";
            lines.add(String.format(Locale.ROOT, "%-36s %-60s %s", cell.label(), String.join(", ", parts), state)
                    .stripTrailing());
        }
        return lines;
    }

    private String steps(String word, Config config) {
        String data = String.join(" ", config.settings(List.of("data.path", "data.holdout", "data.limit", "in_chans")));
        int count = images.computeIfAbsent(data, key -> {
            try (RunData opened = RunData.open(config)) {
                return opened.train().size();
            }
        });
        long updates = Run.updates(config, count);
        return String.format(
                Locale.ROOT,
                "%s %.4g epochs, %d steps of %d",
                word,
                (double) updates * config.imagesPerStep() / count,
                updates,
                config.imagesPerStep());
    }

    /** Probes by subject that the record lacks. */
    private Map<String, List<Probe>> missing(Cell cell) {
        CellRecord record = records.get(cell);
        Map<String, List<Probe>> missing = new LinkedHashMap<>();
        for (String subject : Probing.subjects(cell)) {
            for (Probe probe : file.probes()) {
                boolean fits = probe != Probe.FINETUNE && (cell.kind() != Kind.PIXELS || probe == Probe.KNN);
                if (fits && !record.has(subject, probe.word())) {
                    missing.computeIfAbsent(subject, s -> new ArrayList<>()).add(probe);
                }
            }
        }
        if (cell.finetuning() != null && !record.has(finetuned(cell), Probe.FINETUNE.word())) {
            missing.computeIfAbsent(finetuned(cell), s -> new ArrayList<>()).add(Probe.FINETUNE);
        }
        return missing;
    }

    private static String finetuned(Cell cell) {
        return cell.kind() == Kind.SCRATCH ? "scratch" : cell.finetuning().text("finetune.network");
    }

    /** Does what is to be done. @return false if a signal stopped it */
    public boolean run() throws IOException {
        plan(); // which fails where there would be no steps
        List<Cell> chosen = chosen();
        AtomicFolder.createFolders(Disk.real(), out.toAbsolutePath());
        try (RunLock lock = RunLock.acquire(out)) {
            clock.start(chosen.stream().filter(this::open).toList(), records);
            for (int i = 0; i < chosen.size(); i++) {
                Cell cell = chosen.get(i);
                if (!open(cell)) {
                    continue;
                }
                clock.begin(cell);
                Progress progress = new Progress(
                        log,
                        "[" + (i + 1) + "/" + chosen.size() + "] " + Printable.of(cell.label()) + ": ",
                        clock::text);
                if (!train(cell, progress)) {
                    return false;
                }
                clock.end(cell);
                tables().write(out);
            }
            tables().write(out);
            return lock.holds(out);
        }
    }

    private boolean open(Cell cell) {
        return records.get(cell).error() != null
                ? options.retry
                : !missing(cell).isEmpty();
    }

    private StudyTable tables() {
        return new StudyTable(file, cells, records);
    }

    /** Markdown of all that is known. */
    public String text() {
        return tables().markdown();
    }

    /** Whether any cell failed. */
    public long failed() {
        return cells.stream().filter(cell -> records.get(cell).error() != null).count();
    }

    /** One cell to its end; false if a signal came. */
    private boolean train(Cell cell, Progress progress) throws IOException {
        CellRecord record = records.get(cell);
        long start = System.nanoTime();
        try {
            if (!finish(cell, record, progress)) {
                return false;
            }
            record.save(cell, null, (System.nanoTime() - start) * 1e-9);
            progress.say(line(record));
        } catch (UserError | DataException | IllegalArgumentException e) {
            if (e instanceof UserError error && !OF_A_CELL.contains(error.code())) {
                throw e;
            }
            record.save(cell, String.valueOf(e.getMessage()), (System.nanoTime() - start) * 1e-9);
            progress.say("failed: " + e.getMessage());
        }
        return true;
    }

    private boolean finish(Cell cell, CellRecord record, Progress progress) throws IOException {
        Map<String, List<Probe>> missing = missing(cell);
        if (cell.kind() == Kind.PRETRAINED) {
            Stage stage = new Stage("pretrain", cell.network(), cell.folder());
            if (!stage.run(progress, stop)) {
                return false;
            }
            record.put(stage.spent());
            stage.logged().forEach(record::put);
        }
        for (Map.Entry<String, List<Probe>> entry : missing.entrySet()) {
            List<Probe> frozen =
                    entry.getValue().stream().filter(p -> p != Probe.FINETUNE).toList();
            if (stop.get() != null) {
                return false;
            }
            if (!frozen.isEmpty()) {
                try (Probing probing = new Probing(cell.network(), cell.folder(), progress, stop)) {
                    probing.measure(entry.getKey(), frozen).forEach(record::put);
                } catch (CancellationException e) {
                    return false;
                }
            }
        }
        if (cell.finetuning() != null
                && missing.getOrDefault(finetuned(cell), List.of()).contains(Probe.FINETUNE)) {
            Stage stage = new Stage(Cell.FINETUNE, cell.finetuning(), cell.finetuneFolder());
            if (!stage.run(progress, stop)) {
                return false;
            }
            record.put(stage.spent());
            record.put(stage.accuracy(finetuned(cell)));
        }
        return true;
    }

    private String line(CellRecord record) {
        StringBuilder line = new StringBuilder("done:");
        for (Figure f : record.figures()) {
            for (Probe probe : file.probes()) {
                if (f.measure().equals(probe.word())) {
                    line.append(String.format(Locale.ROOT, " %s %s %.2f %%,", f.of(), probe.title, 100 * f.value()));
                }
            }
        }
        return line.append(String.format(Locale.ROOT, " %s", Progress.clock(record.seconds())))
                .toString();
    }
}
