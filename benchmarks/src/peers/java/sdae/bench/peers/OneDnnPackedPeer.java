package sdae.bench.peers;

import sdae.bench.Case;
import sdae.bench.Work;

/** oneDNN with each weight in the layout that it likes best, brought there before: packing is not in the time. */
public final class OneDnnPackedPeer extends OneDnnPeer {
    @Override
    public String name() {
        return "onednn-packed";
    }

    @Override
    public Work open(Case wanted, int threads) {
        Product product = Product.of(wanted);
        return product == null || product.adds() ? null : OneDnnWork.packed(wanted, product);
    }
}
