package sdae.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** All implementations by name. */
final class Peers {
    private Peers() {}

    /** The others that are on the class path. */
    static List<Peer> others() {
        List<Peer> peers = new ArrayList<>();
        ServiceLoader.load(Peer.class).forEach(peers::add);
        return peers;
    }

    /** Ours, or one of the others. */
    static Peer named(String name, String device) {
        if (name.equals(SdaePeer.NAME)) {
            return new SdaePeer(device);
        }
        for (Peer peer : others()) {
            if (peer.name().equals(name)) {
                return peer;
            }
        }
        throw new IllegalArgumentException("bench: there is no peer " + name + " on the class path");
    }
}
