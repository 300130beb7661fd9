package sdae.bench.peers;

import java.util.Map;

/** libtorch as it comes. */
public final class LibtorchDefaultPeer extends LibtorchPeer {
    @Override
    public String name() {
        return "libtorch-default";
    }

    @Override
    public Map<String, String> environment() {
        return Map.of();
    }
}
