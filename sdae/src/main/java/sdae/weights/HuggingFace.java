package sdae.weights;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The names of Hugging Face's ViT and ViTMAE against ours. Query, key and value are one matrix here, three there; all else
 * is a change of name.
 *
 * <p>Source of the names: transformers, {@code modeling_vit.py} and {@code modeling_vit_mae.py}.
 */
final class HuggingFace {
    private static final Pattern OURS = Pattern.compile("(decoder_)?blocks\\.(\\d+)\\.(.+)\\.(weight|bias)");
    private static final Pattern THEIRS =
            Pattern.compile("(encoder\\.layer|decoder\\.decoder_layers)\\.(\\d+)\\.(.+)\\.(weight|bias)");
    private static final List<String> PARTS = List.of("query", "key", "value");
    private static final String ATTENTION = "attention.attention.";
    private static final String BASE = "vit.";

    /** Outside the blocks; of a layer without its {@code .weight} or {@code .bias}. */
    private static final Map<String, String> SINGLE = Map.ofEntries(
            Map.entry("cls_token", "embeddings.cls_token"),
            Map.entry("pos_embed", "embeddings.position_embeddings"),
            Map.entry("patch_embed.proj", "embeddings.patch_embeddings.projection"),
            Map.entry("norm", "layernorm"),
            Map.entry("head", "classifier"),
            Map.entry("mask_token", "decoder.mask_token"),
            Map.entry("decoder_pos_embed", "decoder.decoder_pos_embed"),
            Map.entry("decoder_embed", "decoder.decoder_embed"),
            Map.entry("decoder_norm", "decoder.decoder_norm"),
            Map.entry("decoder_pred", "decoder.decoder_pred"));

    private static final Map<String, String> BLOCK = Map.of(
            "norm1", "layernorm_before",
            "attn.proj", "attention.output.dense",
            "norm2", "layernorm_after",
            "mlp.fc1", "intermediate.dense",
            "mlp.fc2", "output.dense");

    private static final Map<String, String> SINGLE_BACK = inverse(SINGLE);
    private static final Map<String, String> BLOCK_BACK = inverse(BLOCK);

    private HuggingFace() {}

    /** Whether a file with these names is one of theirs. */
    static boolean names(java.util.Set<String> names) {
        return names.stream().anyMatch(name -> base(name).startsWith("embeddings.patch_embeddings."));
    }

    /**
     * Ours to theirs, in order; {@code prefixed} puts {@code vit.} before what belongs to the bare model, as models with a
     * head or a decoder want it. What has no name there is put into {@code left}.
     */
    static List<Weight> export(Iterable<Weight> ours, boolean prefixed, List<Weight> left) {
        List<Weight> theirs = new ArrayList<>();
        for (Weight weight : ours) {
            Matcher block = OURS.matcher(weight.name());
            if (block.matches() && block.group(3).equals("attn.qkv")) {
                long rows = weight.shape().get(0) / PARTS.size();
                for (int i = 0; i < PARTS.size(); i++) {
                    String name = layer(block, prefixed) + ATTENTION + PARTS.get(i) + "." + block.group(4);
                    theirs.add(weight.rows(name, i * rows, rows));
                }
                continue;
            }
            String name = block.matches() ? inBlock(block, prefixed) : single(weight.name(), prefixed);
            if (name == null) {
                left.add(weight);
            } else {
                theirs.add(weight.named(name));
            }
        }
        return theirs;
    }

    private static String layer(Matcher block, boolean prefixed) {
        String stack = block.group(1) == null ? (prefixed ? BASE : "") + "encoder.layer." : "decoder.decoder_layers.";
        return stack + block.group(2) + ".";
    }

    private static String inBlock(Matcher block, boolean prefixed) {
        String name = BLOCK.get(block.group(3));
        return name == null ? null : layer(block, prefixed) + name + "." + block.group(4);
    }

    private static String single(String ours, boolean prefixed) {
        String name = withKind(ours, SINGLE);
        boolean outside = name == null || name.startsWith("decoder.") || name.startsWith("classifier.");
        return outside || !prefixed ? name : BASE + name;
    }

    /** Theirs to ours; what we have no name for keeps its own. */
    static List<Weight> read(Iterable<Weight> theirs) {
        List<Weight> ours = new ArrayList<>();
        Map<String, Map<String, Weight>> split = new LinkedHashMap<>();
        for (Weight weight : theirs) {
            Matcher block = THEIRS.matcher(base(weight.name()));
            if (block.matches() && block.group(3).startsWith(ATTENTION)) {
                String joined = ourLayer(block) + "attn.qkv." + block.group(4);
                split.computeIfAbsent(joined, name -> new TreeMap<>())
                        .put(block.group(3).substring(ATTENTION.length()), weight);
                continue;
            }
            String name;
            if (block.matches()) {
                String inner = BLOCK_BACK.get(block.group(3));
                name = inner == null ? null : ourLayer(block) + inner + "." + block.group(4);
            } else {
                name = withKind(base(weight.name()), SINGLE_BACK);
            }
            ours.add(name == null ? weight : weight.named(name));
        }
        split.forEach((name, parts) -> {
            boolean whole = parts.keySet().equals(java.util.Set.copyOf(PARTS))
                    && parts.values().stream().map(Weight::shape).distinct().count() == 1;
            if (whole) {
                ours.add(Weight.joined(name, PARTS.stream().map(parts::get).toList()));
            } else {
                ours.addAll(parts.values());
            }
        });
        return ours;
    }

    private static String ourLayer(Matcher block) {
        return (block.group(1).startsWith("decoder") ? "decoder_blocks." : "blocks.") + block.group(2) + ".";
    }

    /** {@code name} looked up whole, or without its last part, {@code .weight} or {@code .bias}; null if it is not there. */
    private static String withKind(String name, Map<String, String> names) {
        if (names.containsKey(name)) {
            return names.get(name);
        }
        int dot = name.lastIndexOf('.');
        String kind = name.substring(Math.max(0, dot));
        String layer = dot < 0 ? null : names.get(name.substring(0, dot));
        return layer != null && (kind.equals(".weight") || kind.equals(".bias")) ? layer + kind : null;
    }

    private static String base(String name) {
        return name.startsWith(BASE) ? name.substring(BASE.length()) : name;
    }

    private static Map<String, String> inverse(Map<String, String> map) {
        Map<String, String> back = new TreeMap<>();
        map.forEach((from, to) -> back.put(to, from));
        return Map.copyOf(back);
    }
}
