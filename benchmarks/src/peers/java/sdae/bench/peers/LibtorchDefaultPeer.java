package sdae.bench.peers;

import java.util.Map;

/** libtorch as it comes, but for the number of threads. */
public final class LibtorchDefaultPeer extends LibtorchPeer {
    @Override
    public String name() {
        return "libtorch-default";
    }

    @Override
    public Map<String, String> environment(int threads) {
        return threads(threads);
    }
}
