package sdae.bench;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import sdae.bench.Ratios.Interval;

/**
 * A figure that is to reach a limit, or for memory to stay under it.
 *
 * @param family what {@code bench --goals FAMILY} selects it by, beside its name
 * @param limit in units of 1: 1.5 times, or 0.72 of a peak
 */
record Goal(Kernel.Family family, String name, Figure figure, double limit) {
    /** How a figure comes out of results. */
    sealed interface Figure permits Faster, MeanFaster, LeastFaster, Reached, Memory {
        /** Cases and implementations that it is made of. */
        List<Needed> needs();

        /** From what was measured; unknown when any of it is missing. */
        Found find(Measured measured);

        /** A share of a peak rather than a ratio. */
        default boolean share() {
            return false;
        }

        /** Small is good. */
        default boolean atMost() {
            return false;
        }
    }

    /** One implementation at one case. */
    record Needed(String implementation, Case timed) {}

    /** A figure, and a word on what it is about: the best peer, the worst shape. */
    record Found(Interval figure, String about) {
        static final Found NOTHING = new Found(Interval.NONE, "");
    }

    /** A goal with what was found. */
    record Outcome(Goal goal, Found found) {
        boolean known() {
            return found.figure().known();
        }

        /** Whether the figure itself reaches the limit; the interval may hold both sides. */
        boolean met() {
            double value = found.figure().value();
            return goal.figure.atMost() ? value <= goal.limit : value >= goal.limit;
        }

        /** {@code met}, {@code not met} or {@code not measured}. */
        String verdict() {
            return !known() ? "not measured" : met() ? "met" : "not met";
        }

        /** {@code 1.62x [1.55, 1.70]}. */
        String figure() {
            Interval i = found.figure();
            if (!known()) {
                return "";
            }
            return i.low() == i.high()
                    ? goal.text(i.value())
                    : goal.text(i.value()) + " [" + goal.number(i.low()) + ", " + goal.number(i.high()) + "]";
        }
    }

    /** {@code >= 1.50x}, {@code >= 72 %}. */
    String limitText() {
        return (figure.atMost() ? "<= " : ">= ") + text(limit);
    }

    private String text(double value) {
        return number(value) + (figure.share() ? " %" : "x");
    }

    private String number(double value) {
        return figure.share() ? Long.toString(Math.round(100 * value)) : String.format(Locale.ROOT, "%.2f", value);
    }

    Outcome outcome(Measured measured) {
        return new Outcome(this, figure.find(measured));
    }

    /** The time of the best of some peers over ours; of several cases, the ratio of sums, round by round. */
    record Faster(List<Case> ours, List<Case> theirs, List<String> peers) implements Figure {
        @Override
        public List<Needed> needs() {
            return all(ours, theirs, peers);
        }

        @Override
        public Found find(Measured measured) {
            double[] own = measured.sum(SdaePeer.NAME, ours);
            String best = measured.fastest(peers, theirs);
            if (own.length == 0 || best == null) {
                return Found.NOTHING;
            }
            double[] ratios = Ratios.pairs(measured.sum(best, theirs), own);
            return new Found(Ratios.median95(ratios), best);
        }
    }

    /** Geometric mean over cases of {@link Faster}, the best peer taken case by case. */
    record MeanFaster(List<Case> cases, List<String> peers) implements Figure {
        @Override
        public List<Needed> needs() {
            return all(cases, cases, peers);
        }

        @Override
        public Found find(Measured measured) {
            List<double[]> ratios = measured.pairs(cases, peers).stream()
                    .map(Measured.Pairs::ratios)
                    .toList();
            return new Found(Ratios.geometricMean95(ratios), cases.size() + " shapes");
        }
    }

    /** The least over cases of {@link Faster}. */
    record LeastFaster(List<Case> cases, List<String> peers) implements Figure {
        @Override
        public List<Needed> needs() {
            return all(cases, cases, peers);
        }

        @Override
        public Found find(Measured measured) {
            return measured.pairs(cases, peers).stream()
                    .min(Comparator.comparingDouble(pairs -> Ratios.median(pairs.ratios())))
                    .map(worst -> new Found(Ratios.median95(worst.ratios()), worst.label()))
                    .orElse(Found.NOTHING);
        }
    }

    /** Our share of the FMA peak (of the case's type) or of the copy bandwidth of this machine. */
    record Reached(Case ours, Limit of) implements Figure {
        /** Which limit. */
        enum Limit {
            FMA,
            COPY
        }

        @Override
        public List<Needed> needs() {
            return List.of(new Needed(SdaePeer.NAME, ours));
        }

        @Override
        public Found find(Measured measured) {
            double[] seconds = measured.sum(SdaePeer.NAME, List.of(ours));
            double work = of == Limit.FMA ? ours.flops() : ours.bytes();
            double limit = of == Limit.FMA
                    ? measured.limits().peak(ours.dtype())
                    : measured.limits().copy();
            double[] shares = new double[seconds.length];
            for (int i = 0; i < shares.length; i++) {
                shares[i] = work / seconds[i] * 1e-9 / limit;
            }
            return new Found(Ratios.median95(shares), ours.dtype().name().toLowerCase(Locale.ROOT));
        }

        @Override
        public boolean share() {
            return true;
        }
    }

    /** Our peak of resident memory over that of the most frugal peer. */
    record Memory(Case timed, List<String> peers) implements Figure {
        @Override
        public List<Needed> needs() {
            return all(List.of(timed), List.of(timed), peers);
        }

        @Override
        public Found find(Measured measured) {
            long own = measured.peakBytes(SdaePeer.NAME, timed);
            String best = measured.mostFrugal(peers, timed);
            if (own == 0 || best == null) {
                return Found.NOTHING;
            }
            double theirs = measured.peakBytes(best, timed);
            double ratio = own / theirs;
            return new Found(
                    new Interval(ratio, ratio, ratio),
                    String.format(Locale.ROOT, "%.2f of %.2f GB, %s", own * 1e-9, theirs * 1e-9, best));
        }

        @Override
        public boolean atMost() {
            return true;
        }
    }

    private static List<Needed> all(List<Case> ours, List<Case> theirs, List<String> peers) {
        List<Needed> needed = new ArrayList<>();
        ours.forEach(c -> needed.add(new Needed(SdaePeer.NAME, c)));
        for (String peer : peers) {
            theirs.forEach(c -> needed.add(new Needed(peer, c)));
        }
        return needed;
    }
}
