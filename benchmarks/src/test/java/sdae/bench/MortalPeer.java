package sdae.bench;

import java.util.Map;

/** Ours, but its process ends in the middle of the rounds, as one that the system kills for its memory. */
public final class MortalPeer implements Peer {
    /** More than the check and the first turn take, fewer than all rounds. */
    private static final int LAST_RUN = 12;

    static final int STATUS = 9;

    @Override
    public String name() {
        return "mortal";
    }

    @Override
    public Work open(Case wanted, int threads) {
        Work work = new SdaePeer("cpu").open(wanted, threads);
        return new Work() {
            private int runs;

            @Override
            public void run() {
                if (++runs > LAST_RUN) {
                    Runtime.getRuntime().halt(STATUS);
                }
                work.run();
            }

            @Override
            public void reset() {
                work.reset();
            }

            @Override
            public Map<String, double[]> outputs() {
                return work.outputs();
            }

            @Override
            public double slack() {
                return work.slack();
            }

            @Override
            public void close() {
                work.close();
            }
        };
    }
}
