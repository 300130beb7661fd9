package sdae.bench;

import java.util.ArrayList;
import java.util.List;

/** Results by implementation and case, as goals look at them. */
record Measured(List<Result> results, Limits limits) {
    /** Ratios of one case to its best peer, round by round. */
    @SuppressWarnings("ArrayRecordComponent") // read, never compared
    record Pairs(Case timed, String peer, double[] ratios) {
        String label() {
            return timed.kernel().label() + " " + timed.shape().name() + ", " + peer;
        }
    }

    private Result of(String implementation, Case timed) {
        for (Result result : results) {
            if (result.implementation().equals(implementation)
                    && result.timed().name().equals(timed.name())) {
                return result;
            }
        }
        return null;
    }

    /** Seconds of all cases together, round by round; empty if one is missing. */
    double[] sum(String implementation, List<Case> cases) {
        double[] sum = null;
        for (Case timed : cases) {
            Result result = of(implementation, timed);
            if (result == null) {
                return new double[0];
            }
            double[] rounds = result.rounds();
            double[] total = new double[sum == null ? rounds.length : Math.min(sum.length, rounds.length)];
            for (int i = 0; i < total.length; i++) {
                total[i] = rounds[i] + (sum == null ? 0 : sum[i]);
            }
            sum = total;
        }
        return sum == null ? new double[0] : sum;
    }

    /** The peer with the least median; null if none has all cases. */
    String fastest(List<String> peers, List<Case> cases) {
        String best = null;
        double least = Double.POSITIVE_INFINITY;
        for (String peer : peers) {
            double median = Ratios.median(sum(peer, cases));
            if (median < least) {
                least = median;
                best = peer;
            }
        }
        return best;
    }

    /** Ours against the best peer of each case; empty if one of them lacks either. */
    List<Pairs> pairs(List<Case> cases, List<String> peers) {
        List<Pairs> pairs = new ArrayList<>();
        for (Case timed : cases) {
            double[] ours = sum(SdaePeer.NAME, List.of(timed));
            String best = fastest(peers, List.of(timed));
            if (ours.length == 0 || best == null) {
                return List.of();
            }
            pairs.add(new Pairs(timed, best, Ratios.pairs(sum(best, List.of(timed)), ours)));
        }
        return pairs;
    }

    /** 0 where it is not known. */
    long peakBytes(String implementation, Case timed) {
        Result result = of(implementation, timed);
        return result == null ? 0 : result.peakBytes();
    }

    /** The peer with the least peak; null if none is known. */
    String mostFrugal(List<String> peers, Case timed) {
        String best = null;
        for (String peer : peers) {
            long bytes = peakBytes(peer, timed);
            if (bytes > 0 && (best == null || bytes < peakBytes(best, timed))) {
                best = peer;
            }
        }
        return best;
    }
}
