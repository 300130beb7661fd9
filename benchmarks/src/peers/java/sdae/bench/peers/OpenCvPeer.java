package sdae.bench.peers;

import sdae.bench.Case;
import sdae.bench.Kernel;
import sdae.bench.Peer;
import sdae.bench.Work;

/** Decode and resize as OpenCV's users write it, on one core. */
public final class OpenCvPeer implements Peer {
    @Override
    public String name() {
        return "opencv";
    }

    @Override
    public Work open(Case wanted, int threads) {
        return wanted.kernel() == Kernel.LOAD ? new OpenCvWork(wanted) : null;
    }
}
