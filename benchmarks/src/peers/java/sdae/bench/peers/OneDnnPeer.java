package sdae.bench.peers;

import java.util.Map;
import sdae.bench.Case;
import sdae.bench.Peer;
import sdae.bench.Work;

/** Matrix products of oneDNN on the layouts that ours reads: {@code dnnl_sgemm} or the matmul primitive, whichever is faster. */
public class OneDnnPeer implements Peer {
    @Override
    public String name() {
        return "onednn";
    }

    @Override
    public Map<String, String> environment(int threads) {
        return Map.of("OMP_NUM_THREADS", Integer.toString(threads));
    }

    @Override
    public Work open(Case wanted, int threads) {
        Product product = Product.of(wanted);
        return product == null ? null : OneDnnWork.plain(wanted, product);
    }
}
