package sdae.study;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import sdae.io.ExitCode;
import sdae.io.Printable;
import sdae.io.UserError;
import sdae.train.FinetuneSettings;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

/**
 * What a study compares, as its YAML file says. Settings are {@code key=value} texts here; {@link Cells} checks them.
 *
 * @param base settings of every pretraining
 * @param finetune settings of every fine-tuning
 * @param probes what is measured, in the order of the table
 * @param pixels whether the pixels themselves are measured too
 * @param untrained whether the network of {@code base} is measured before its first step, at every seed
 */
record StudyFile(
        String name,
        List<Long> seeds,
        List<String> base,
        List<String> finetune,
        List<Arm> arms,
        List<Probe> probes,
        boolean pixels,
        boolean untrained) {
    static final String PIXELS = "pixels";
    static final String UNTRAINED = "untrained";
    private static final List<String> KEYS =
            List.of("name", "seeds", "base", "arms", "probes", "baselines", "finetune");

    /** Reads the file. @throws UserError (exit 2) with every fault at once */
    static StudyFile read(Path file) {
        return new Reader(file).read();
    }

    private static final class Reader {
        private final Path file;
        private final List<String> faults = new ArrayList<>();

        Reader(Path file) {
            this.file = file;
        }

        StudyFile read() {
            JsonNode root = tree();
            if (!root.isObject()) {
                throw fault(List.of("must be a map of " + String.join(", ", KEYS)));
            }
            known(root, KEYS, "");
            String name = root.path("name").asString("");
            if (Arm.folder(name).isEmpty()) {
                faults.add("name must be there and have a letter or a digit");
            }
            List<Long> seeds = seeds(root.path("seeds"));
            List<String> base = pretraining("base", root.path("base"));
            List<String> finetune = finetuning("finetune", root.path("finetune"));
            List<Arm> arms = arms(root.path("arms"));
            Set<String> probes = words(
                    "probes",
                    root.path("probes"),
                    Arrays.stream(Probe.values()).map(Probe::word).toList());
            Set<String> baselines = words("baselines", root.path("baselines"), List.of(PIXELS, UNTRAINED));
            if (!probes.contains(Probe.FINETUNE.word())
                    && (!finetune.isEmpty() || arms.stream().anyMatch(Reader::only))) {
                faults.add("finetune is not among the probes, but there are settings or an arm for it");
            }
            if (!faults.isEmpty()) {
                throw fault(faults);
            }
            List<Probe> asked = EnumSet.allOf(Probe.class).stream()
                    .filter(probe -> probes.contains(probe.word()))
                    .toList();
            return new StudyFile(
                    name,
                    seeds,
                    base,
                    finetune,
                    arms,
                    asked,
                    baselines.contains(PIXELS),
                    baselines.contains(UNTRAINED));
        }

        private static boolean only(Arm arm) {
            return !arm.pretrained() || !arm.finetune().isEmpty();
        }

        private JsonNode tree() {
            try {
                String text = Files.readString(file, StandardCharsets.UTF_8);
                return YAMLMapper.builder()
                        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                        .build()
                        .readTree(text);
            } catch (NoSuchFileException e) {
                throw new UserError(ExitCode.CONFIG, "study: there is no file " + Printable.of(file.toString()), e);
            } catch (IOException e) {
                throw new UserError(
                        ExitCode.CONFIG,
                        "study: cannot read " + Printable.of(file.toString()) + ": " + e.getMessage(),
                        e);
            } catch (JacksonException e) {
                int line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
                throw new UserError(
                        ExitCode.CONFIG,
                        "study: " + Printable.of(file.toString()) + ":" + line + ": "
                                + e.getOriginalMessage().lines().findFirst().orElse("not YAML"),
                        e);
            }
        }

        private UserError fault(List<String> all) {
            return new UserError(
                    ExitCode.CONFIG, "study: " + Printable.of(file.toString()) + ": " + String.join("; ", all));
        }

        private void known(JsonNode node, List<String> keys, String where) {
            for (String key : node.propertyNames()) {
                if (!keys.contains(key)) {
                    faults.add(where + "unknown key '" + Printable.of(key) + "' (there are " + String.join(", ", keys)
                            + ")");
                }
            }
        }

        private List<Long> seeds(JsonNode node) {
            List<Long> seeds = new ArrayList<>();
            for (JsonNode seed : node) {
                if (!seed.isIntegralNumber() || !seed.canConvertToLong() || seeds.contains(seed.asLong())) {
                    faults.add("seeds must be different whole numbers, but one is " + seed);
                    return List.of(0L);
                }
                seeds.add(seed.asLong());
            }
            if (seeds.isEmpty()) {
                faults.add("seeds must be a list of one number or more, as [1, 2, 3]");
            }
            return List.copyOf(seeds);
        }

        private Set<String> words(String key, JsonNode node, List<String> all) {
            if (node.isMissingNode()) {
                return key.equals("probes") ? Set.of(Probe.KNN.word(), Probe.RIDGE.word()) : Set.copyOf(all);
            }
            Set<String> words = new HashSet<>();
            for (JsonNode word : node) {
                if (!all.contains(word.asString(""))) {
                    faults.add(key + " must be among " + String.join(", ", all) + ", but one is " + word);
                }
                words.add(word.asString(""));
            }
            if (!node.isArray()) {
                faults.add(key + " must be a list of " + String.join(", ", all));
            }
            return words;
        }

        private List<Arm> arms(JsonNode node) {
            List<Arm> arms = new ArrayList<>();
            Map<String, String> folders = new LinkedHashMap<>(Map.of(PIXELS, PIXELS, UNTRAINED, UNTRAINED));
            for (Map.Entry<String, JsonNode> entry : node.properties()) {
                Arm arm = arm(entry.getKey(), entry.getValue());
                String taken = folders.putIfAbsent(arm.folder(), arm.name());
                if (arm.folder().isEmpty() || taken != null) {
                    faults.add("arm '" + Printable.of(arm.name()) + "' "
                            + (taken == null
                                    ? "must have a letter or a digit in its name"
                                    : "would share the folder of '" + Printable.of(taken) + "'; name it otherwise"));
                }
                arms.add(arm);
            }
            if (arms.isEmpty()) {
                faults.add("arms must be a map of one name or more to settings");
            }
            return List.copyOf(arms);
        }

        private Arm arm(String name, JsonNode node) {
            String where = "arm '" + Printable.of(name) + "'";
            Map<String, String> settings = new LinkedHashMap<>();
            flatten(where, "", node, settings);
            boolean pretrained = !"false".equals(settings.remove("pretrain"));
            List<String> finetune = finetuning(where + " finetune", node.path("finetune"));
            settings.keySet().removeIf(key -> node.path("finetune").isObject() && key.startsWith("finetune."));
            List<String> own = pretraining(where, settings);
            if (!pretrained && !own.isEmpty()) {
                faults.add(where + " is not pretrained, so these settings would do nothing: " + String.join(", ", own)
                        + " (put those of fine-tuning under finetune:)");
            }
            return new Arm(name, own, pretrained, finetune);
        }

        private List<String> pretraining(String where, JsonNode node) {
            Map<String, String> settings = new LinkedHashMap<>();
            flatten(where, "", node, settings);
            return pretraining(where, settings);
        }

        private List<String> pretraining(String where, Map<String, String> settings) {
            for (String key : settings.keySet()) {
                if (key.startsWith("finetune.")) {
                    faults.add(where + ": " + key + " does nothing in pretraining; put it under finetune:");
                } else if (List.of("seed", "run.dir", "run.name").contains(key)) {
                    faults.add(where + ": " + key + " is the study's own; leave it out");
                }
            }
            return texts(settings);
        }

        /** {@code epochs} is short for train.epochs and its warm-up, as {@code finetune --epochs}. */
        private List<String> finetuning(String where, JsonNode node) {
            Map<String, String> settings = new LinkedHashMap<>();
            flatten(where, "", node, settings);
            List<String> texts = new ArrayList<>();
            String epochs = settings.remove("epochs");
            if (epochs != null) {
                try {
                    texts.addAll(FinetuneSettings.epochs(Double.parseDouble(epochs)));
                } catch (NumberFormatException e) {
                    faults.add(where + ": epochs must be a number, but is '" + Printable.of(epochs) + "'");
                }
            }
            if (settings.containsKey("finetune.from") || settings.containsKey("seed")) {
                faults.add(where + ": finetune.from and seed are the study's own; leave them out");
            }
            texts.addAll(texts(settings));
            return texts;
        }

        private static List<String> texts(Map<String, String> settings) {
            return settings.entrySet().stream()
                    .map(entry -> entry.getKey() + "=" + entry.getValue())
                    .toList();
        }

        /** Dotted keys; lists of scalars as {@code [a, b]}. */
        private void flatten(String where, String prefix, JsonNode node, Map<String, String> settings) {
            if (node.isMissingNode() || node.isNull() && prefix.isEmpty()) {
                return;
            }
            if (node.isObject()) {
                node.properties()
                        .forEach(entry -> flatten(
                                where,
                                prefix.isEmpty() ? entry.getKey() : prefix + "." + entry.getKey(),
                                entry.getValue(),
                                settings));
                return;
            }
            boolean scalars = node.isArray() && node.valueStream().noneMatch(JsonNode::isContainer);
            if (prefix.isEmpty() || node.isNull() || (node.isArray() && !scalars)) {
                faults.add(where + ": " + (prefix.isEmpty() ? "must be a map of settings" : prefix + " has no value"));
                return;
            }
            String text = scalars
                    ? node.valueStream().map(value -> value.asString("")).collect(Collectors.joining(", ", "[", "]"))
                    : node.asString("");
            if (settings.put(prefix, text) != null) {
                faults.add(where + ": " + prefix + " is there twice");
            }
        }
    }
}
