package sdae.study;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import sdae.config.Config;
import sdae.config.Config.Layer;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.UserError;
import sdae.study.Cell.Kind;
import sdae.train.FinetuneSettings;

/** The cells of a study with their settings complete and checked, seed by seed: every arm at the first one comes first. */
final class Cells {
    private static final String NETWORK = "finetune.from";

    private Cells() {}

    /**
     * All cells under {@code out}.
     *
     * @param sets over the base, under the arms; {@code key=value} each
     * @throws UserError (exit 2) with the faults of all arms
     */
    static List<Cell> of(StudyFile file, List<String> sets, Path out) {
        List<Cell> cells = new ArrayList<>();
        Set<String> faults = new LinkedHashSet<>();
        for (int s = 0; s < file.seeds().size(); s++) {
            long seed = file.seeds().get(s);
            if (file.pixels() && s == 0) {
                cells.add(baseline(Kind.PIXELS, StudyFile.PIXELS, file, sets, seed, out));
            }
            if (file.untrained()) {
                cells.add(baseline(Kind.UNTRAINED, StudyFile.UNTRAINED, file, sets, seed, out));
            }
            for (Arm arm : file.arms()) {
                try {
                    cells.add(cell(file, arm, sets, seed, out));
                } catch (UserError e) {
                    faults.add(e.getMessage().replaceFirst("^config: ", ""));
                }
            }
        }
        if (!faults.isEmpty()) {
            throw new UserError(ExitCode.CONFIG, "study: " + String.join("; ", faults));
        }
        return cells;
    }

    private static List<Layer> layers(StudyFile file, List<String> sets, long seed) {
        return List.of(
                new Layer("base", file.base()), new Layer("--set", sets), new Layer("seeds", List.of("seed=" + seed)));
    }

    private static Cell baseline(Kind kind, String arm, StudyFile file, List<String> sets, long seed, Path out) {
        Path folder = out.resolve(arm).resolve("seed-" + seed);
        return new Cell(kind, arm, seed, folder, Config.of(layers(file, sets, seed)), null);
    }

    private static Cell cell(StudyFile file, Arm arm, List<String> sets, long seed, Path out) {
        Path folder = out.resolve(arm.folder()).resolve("seed-" + seed);
        String where = "arm '" + Printable.of(arm.name()) + "'";
        List<Layer> layers = new ArrayList<>(layers(file, sets, seed));
        layers.add(new Layer(where, arm.settings()));
        Config network = Config.of(layers);
        if (network.classifies()) {
            throw new UserError(
                    ExitCode.CONFIG,
                    where + ": objective must be sdae or mae, but is classify (pretrain: false is fine-tuning alone)");
        }
        Config finetuning = null;
        if (file.probes().contains(Probe.FINETUNE)) {
            String from = arm.pretrained() ? folder.toString() : "scratch";
            finetuning = Config.of(List.of(
                    new Layer("finetune", List.of("preset=finetune")),
                    new Layer("base", FinetuneSettings.inherited(network, from)),
                    new Layer("finetune", file.finetune()),
                    new Layer(where + " finetune", arm.finetune())));
            if (!finetuning.classifies()) {
                throw new UserError(ExitCode.CONFIG, where + " finetune: objective must be left out");
            }
            if (finetuning.text("finetune.network").equals("teacher")
                    && !network.text("objective").equals("sdae")) {
                throw new UserError(ExitCode.CONFIG, where + ": finetune.network is teacher, but it has none");
            }
        }
        return new Cell(
                arm.pretrained() ? Kind.PRETRAINED : Kind.SCRATCH, arm.name(), seed, folder, network, finetuning);
    }

    /** Refuses settings that are not those that a cell was begun with. */
    static void unchanged(Cell cell, CellRecord record) {
        if (cell.kind() == Kind.PRETRAINED) {
            unchanged(cell, cell.folder(), cell.network());
        } else if (record.recipe() != null && !record.recipe().equals(cell.recipe())) {
            throw changed(cell, "the settings of base");
        }
        if (cell.finetuning() != null) {
            unchanged(cell, cell.finetuneFolder(), cell.finetuning());
        }
    }

    private static void unchanged(Cell cell, Path run, Config config) {
        Path own = run.resolve("config.yaml");
        if (Files.exists(own)) {
            // the folder's name may have been given in another way, or the study moved
            List<String> changed = Config.load(own, null, List.of()).differences(config).stream()
                    .filter(difference -> !difference.startsWith(NETWORK))
                    .toList();
            if (!changed.isEmpty()) {
                throw changed(cell, String.join("; ", changed));
            }
        }
    }

    private static UserError changed(Cell cell, String what) {
        return new UserError(
                ExitCode.CONFIG,
                "study: " + Printable.of(cell.label()) + " was begun with other settings (" + what
                        + "); undo the change, give another --out, or delete "
                        + Printable.of(cell.folder().toString()));
    }
}
