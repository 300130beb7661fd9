package sdae.bench;

import java.util.List;
import java.util.Map;

/**
 * Another implementation of the same computations, found by {@link java.util.ServiceLoader} (so: a public class with a public
 * constructor without arguments, named in {@code META-INF/services/sdae.bench.Peer}).
 *
 * <pre>
 * public final class LibtorchPeer implements Peer {
 *     public String name() { return "libtorch"; }
 *     public Map&lt;String, String&gt; environment(int threads) { return Map.of("OMP_WAIT_POLICY", "PASSIVE"); }
 *     public Work open(Case c, int threads) {
 *         return switch (c.kernel()) {
 *             case ATTENTION_FORWARD -&gt; new SdpaWork(c, threads);   // c.size("B"), c.inputs().of("qkv"), c.copies()
 *             default -&gt; null;
 *         };
 *     }
 * }
 * </pre>
 *
 * <p>Every peer runs in processes of its own, which take turns with ours: thread pools never share a process. The process is
 * started with {@link #environment} and {@link #javaFlags}; so the constructor and these methods must load no native library.
 * One implementation may appear as several peers, e.g. as it comes and with the settings that make it fastest.
 */
public interface Peer {
    /** As in results and on the command line: {@code libtorch}, {@code libtorch-default}, {@code onednn}. */
    String name();

    /** Variables that its processes start with, beside ours; those without a value here are as the user has them. */
    default Map<String, String> environment(int threads) {
        return Map.of();
    }

    /** Flags for its Java, e.g. {@code -Dorg.bytedeco.openblas.load=mkl_rt}. */
    default List<String> javaFlags() {
        return List.of();
    }

    /**
     * Makes the case ready; null when this implementation has none.
     *
     * @param threads that it may use
     */
    Work open(Case wanted, int threads);
}
