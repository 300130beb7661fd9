package sdae.config;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import sdae.io.ExitCode;
import sdae.io.UserError;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.dataformat.yaml.YAMLMapper;

/** Puts a config together from defaults, preset, file and {@code --set} options, and collects every fault on the way. */
final class ConfigReader {
    private record Setting(String where, List<String> texts) {}

    private final Map<String, Object> values = new LinkedHashMap<>();
    private final List<String> faults = new ArrayList<>();

    private ConfigReader() {
        Keys.all().forEach((name, key) -> values.put(name, key.preset()));
    }

    static Map<String, Object> read(List<String> inherited, Path file, String preset, List<String> sets) {
        ConfigReader reader = new ConfigReader();
        Map<String, Setting> ofFile = file == null ? Map.of() : reader.yaml(text(file), file.toString());
        Map<String, Setting> ofSets = reader.options("--set", sets);
        Setting named = ofSets.getOrDefault(
                "preset", preset == null ? ofFile.get("preset") : new Setting("--preset", List.of(preset)));
        if (named != null) {
            reader.apply("preset", named);
        }
        reader.yaml(resource((String) reader.values.get("preset")), "preset").forEach(reader::apply);
        reader.options("--set", inherited).forEach(reader::apply);
        ofFile.forEach(reader::apply);
        if (preset != null) {
            reader.apply("preset", new Setting("--preset", List.of(preset)));
        }
        ofSets.forEach(reader::apply);
        return reader.complete();
    }

    static Map<String, Object> read(List<Config.Layer> layers) {
        ConfigReader reader = new ConfigReader();
        List<Map<String, Setting>> all = new ArrayList<>();
        for (Config.Layer layer : layers) {
            all.add(reader.options(layer.where(), layer.settings()));
        }
        all.stream().filter(layer -> layer.containsKey("preset")).forEach(l -> reader.apply("preset", l.get("preset")));
        reader.yaml(resource((String) reader.values.get("preset")), "preset").forEach(reader::apply);
        all.forEach(layer -> layer.forEach(reader::apply));
        return reader.complete();
    }

    private Map<String, Object> complete() {
        if (!faults.isEmpty()) {
            throw new UserError(ExitCode.CONFIG, "config: " + String.join("; ", faults));
        }
        return values;
    }

    private void apply(String name, Setting setting) {
        Key key = Keys.all().get(name);
        if (key == null) {
            String nearest = Keys.nearest(name);
            faults.add(setting.where + ": unknown key '" + name + "'"
                    + (nearest == null ? "" : " (did you mean " + nearest + "?)"));
            return;
        }
        try {
            values.put(name, key.parse(setting.texts));
        } catch (IllegalArgumentException e) {
            faults.add(setting.where + ": " + e.getMessage());
        }
    }

    private Map<String, Setting> options(String where, List<String> sets) {
        Map<String, Setting> settings = new LinkedHashMap<>();
        for (String set : sets) {
            int equals = set.indexOf('=');
            if (equals <= 0) {
                faults.add(where + " " + set + ": must be key=value");
                continue;
            }
            String value = set.substring(equals + 1).strip();
            boolean list = value.startsWith("[") && value.endsWith("]");
            List<String> texts = list
                    ? List.of(value.substring(1, value.length() - 1).strip().split("\\s*,\\s*"))
                    : List.of(value);
            settings.put(set.substring(0, equals).strip(), new Setting(where, texts));
        }
        return settings;
    }

    /** Dotted keys of a YAML text with the line of each; lists of scalars are the only lists. */
    private Map<String, Setting> yaml(String text, String source) {
        Map<String, Setting> settings = new TreeMap<>();
        YAMLMapper mapper = YAMLMapper.builder()
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                .build();
        try (JsonParser parser = mapper.createParser(text)) {
            JsonToken first = parser.nextToken();
            if (first == JsonToken.START_OBJECT) {
                object(parser, "", source, settings);
            } else if (first != null && first != JsonToken.VALUE_NULL) {
                faults.add(source + ": must be a map of settings");
            }
        } catch (JacksonException e) {
            int line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
            faults.add(source + ":" + line + ": "
                    + e.getOriginalMessage().lines().findFirst().orElse("not YAML"));
        }
        return settings;
    }

    private void object(JsonParser parser, String prefix, String source, Map<String, Setting> settings) {
        for (JsonToken token = parser.nextToken(); token != JsonToken.END_OBJECT; token = parser.nextToken()) {
            String name = prefix + parser.currentName();
            String where = source + ":" + parser.currentTokenLocation().getLineNr();
            switch (parser.nextToken()) {
                case START_OBJECT -> object(parser, name + ".", source, settings);
                case START_ARRAY -> {
                    List<String> texts = new ArrayList<>();
                    for (JsonToken t = parser.nextToken(); t != JsonToken.END_ARRAY; t = parser.nextToken()) {
                        if (!t.isScalarValue()) {
                            faults.add(where + ": " + name + " must not hold lists of lists");
                            parser.skipChildren();
                        } else {
                            texts.add(parser.getString());
                        }
                    }
                    settings.put(name, new Setting(where, texts));
                }
                case VALUE_NULL -> faults.add(where + ": " + name + " has no value");
                default -> settings.put(name, new Setting(where, List.of(parser.getString())));
            }
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException e) {
            throw new UserError(ExitCode.CONFIG, "config: there is no file " + file, e);
        } catch (IOException e) {
            throw new UserError(ExitCode.CONFIG, "config: cannot read " + file + ": " + e.getMessage(), e);
        }
    }

    private static String resource(String preset) {
        try (InputStream in = ConfigReader.class.getResourceAsStream(preset + ".yaml")) {
            return in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
