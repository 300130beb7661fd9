package sdae.tensor.cuda;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import sdae.tensor.DType;
import sdae.tensor.DeviceException;

/**
 * The forms of one attention function: {@code _n<n>_d<d>} holds a head of up to n tokens and head size d in shared memory,
 * {@code _tiled_d<d>} takes any number of tokens.
 */
final class AttentionVariants {
    private final CudaDevice device;
    private final String function;
    private final Map<DType, List<Variant>> byType = new EnumMap<>(DType.class);

    private record Variant(int tokens, int headSize, Kernel kernel) {}

    AttentionVariants(CudaDevice device, String function) {
        this.device = device;
        this.function = function;
    }

    /** The one with the fewest tokens, then the smallest head size, that holds both and fits into shared memory. */
    Kernel choose(DType dtype, int tokens, int headSize) {
        List<Variant> variants = byType.get(dtype);
        if (variants == null) {
            variants = find(dtype);
            byType.put(dtype, variants);
        }
        for (int i = 0; i < variants.size(); i++) {
            Variant variant = variants.get(i);
            if (variant.tokens >= tokens && variant.headSize >= headSize) {
                return variant.kernel;
            }
        }
        throw new DeviceException(device.name() + ": " + function + " has no form for " + tokens
                + " tokens and head size " + headSize + " in " + dtype);
    }

    private List<Variant> find(DType dtype) {
        String type = dtype == DType.BF16 ? "bf16" : "f32";
        Pattern name = Pattern.compile("sk_" + function + "_" + type + "_(?:n(\\d+)|tiled)_d(\\d+)");
        List<Variant> variants = new ArrayList<>();
        for (String kernel : device.modules().names()) {
            Matcher match = name.matcher(kernel);
            if (match.matches()) {
                Kernel found = device.modules().find(kernel);
                if (found.shared() <= device.driver().sharedLimit()) {
                    int tokens = match.group(1) == null ? Integer.MAX_VALUE : Integer.parseInt(match.group(1));
                    variants.add(new Variant(tokens, Integer.parseInt(match.group(2)), found));
                }
            }
        }
        variants.sort(Comparator.comparingInt(Variant::tokens).thenComparingInt(Variant::headSize));
        return variants;
    }
}
