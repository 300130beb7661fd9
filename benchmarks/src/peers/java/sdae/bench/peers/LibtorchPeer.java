package sdae.bench.peers;

import java.util.HashMap;
import java.util.Map;
import org.bytedeco.pytorch.global.torch;
import sdae.bench.Case;
import sdae.bench.Peer;
import sdae.bench.Work;

/**
 * libtorch with the settings that make it fastest: without them its two thread pools (libgomp's and OpenBLAS's) spin against
 * each other, and every large result is new memory whose pages fault.
 */
public class LibtorchPeer implements Peer {
    /** Blocks of up to 4 GiB come from the heap and stay there. */
    private static final Map<String, String> TUNED = Map.of(
            "OMP_WAIT_POLICY", "PASSIVE",
            "OPENBLAS_THREAD_TIMEOUT", "8",
            "MALLOC_MMAP_THRESHOLD_", "4294967296",
            "MALLOC_TRIM_THRESHOLD_", "8589934592",
            "MALLOC_TOP_PAD_", "268435456");

    @Override
    public String name() {
        return "libtorch";
    }

    @Override
    public Map<String, String> environment(int threads) {
        Map<String, String> all = new HashMap<>(TUNED);
        all.putAll(threads(threads));
        return all;
    }

    /** OpenBLAS has threads of its own, which libtorch's setting does not reach. */
    static Map<String, String> threads(int threads) {
        return Map.of("OMP_NUM_THREADS", Integer.toString(threads), "OPENBLAS_NUM_THREADS", Integer.toString(threads));
    }

    @Override
    public Work open(Case wanted, int threads) {
        torch.set_num_threads(threads);
        return TorchOps.open(wanted);
    }
}
