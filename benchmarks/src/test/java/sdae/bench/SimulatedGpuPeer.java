package sdae.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import org.bytedeco.javacpp.Loader;

/** Ours on {@code cuda}, in processes that find the simulator where the driver's library would be. */
public final class SimulatedGpuPeer implements Peer {
    private static final String LIBRARY = "/sdae/kernels/sim/linux-x86_64/libcuda.so.1";

    @Override
    public String name() {
        return "simulated";
    }

    @Override
    public Map<String, String> environment(int threads) {
        try {
            Path library = Loader.cacheResource(SimulatedGpuPeer.class, LIBRARY).toPath();
            return Map.of("LD_LIBRARY_PATH", library.getParent().toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Work open(Case wanted, int threads) {
        return new SdaePeer("cuda").open(wanted, threads);
    }
}
