package sdae.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;

/** All implementations. */
final class Peers {
    private Peers() {}

    /** The others on that device: of a CPU those that are on the class path. */
    static List<Peer> others(String device) {
        List<Peer> peers = new ArrayList<>();
        if (device.equals("cpu")) {
            ServiceLoader.load(Peer.class).forEach(peers::add);
        } else {
            peers.add(new CublasLtPeer(device));
        }
        return peers;
    }

    /** Ours, or the other of this class. */
    static Peer of(String type, String device) {
        if (type.equals(SdaePeer.class.getName())) {
            return new SdaePeer(device);
        }
        if (type.equals(CublasLtPeer.class.getName())) {
            return new CublasLtPeer(device);
        }
        try {
            return Class.forName(type)
                    .asSubclass(Peer.class)
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException e) {
            throw new IllegalArgumentException("bench: " + type + " is no peer on the class path", e);
        }
    }
}
