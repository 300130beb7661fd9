package sdae.bench.peers;

import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

/** What libtorch runs with: versions, threads, and the environment that its thread pools and allocator read. */
final class TorchInfo {
    private TorchInfo() {}

    /** As members of a JSON object. */
    static String json() {
        Map<String, String> facts = new TreeMap<>();
        facts.put("libtorch", version("pytorch"));
        facts.put("openblas", version("openblas"));
        facts.put("onednn", firstMatch(torch.get_mkldnn_version().getString()));
        facts.put("openmp", firstMatch(torch.get_openmp_version().getString()));
        facts.put(
                "float32_matmul_precision",
                torch.globalContext().float32MatmulPrecision().toString());
        System.getenv().forEach((name, value) -> {
            if (name.matches("(OMP|OPENBLAS|GOMP|MALLOC|KMP|MKL|ONEDNN|DNNL)_.*")) {
                facts.put(name, value);
            }
        });
        return "\"threads\": " + torch.get_num_threads() + ", "
                + facts.entrySet().stream()
                        .map(e -> "\"" + e.getKey() + "\": \"" + e.getValue() + "\"")
                        .collect(Collectors.joining(", "));
    }

    private static String version(String preset) {
        try {
            return Loader.getVersion("org.bytedeco", preset);
        } catch (java.io.IOException e) {
            return "unknown";
        }
    }

    private static String firstMatch(String text) {
        return text.strip().lines().findFirst().orElse("").replace("\"", "");
    }
}
