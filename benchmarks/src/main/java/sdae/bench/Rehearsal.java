package sdae.bench;

import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * What {@code --device cuda} does, on the simulated device: every case at a small shape, with its graph and events, checked
 * against the double reference. The simulator has no speed, so the time is thrown away, and no result is made of it.
 */
final class Rehearsal {
    private final List<Peer> implementations;
    private final Consumer<String> out;
    private int checked;
    private int wrong;

    Rehearsal(List<Peer> implementations, Consumer<String> out) {
        this.implementations = implementations;
        this.out = out;
    }

    /** Returns whether all implementations compute right what they have. */
    boolean run(List<Case> cases) {
        for (Case rehearsed : cases) {
            for (Peer peer : implementations) {
                Work work = peer.open(rehearsed, 1);
                if (work != null) {
                    try (work) {
                        report(rehearsed, peer, fault(rehearsed, work));
                    }
                }
            }
        }
        out.accept(String.format(
                Locale.ROOT,
                "%d checked, %s; no times: a simulated device has none",
                checked,
                wrong == 0 ? "all right" : wrong + " WRONG"));
        return wrong == 0;
    }

    /** What is wrong after the turn of a timed run, or null. */
    static String fault(Case rehearsed, Work work) {
        work.time(1);
        work.reset();
        work.run();
        return rehearsed.fault(work.outputs(), work.slack());
    }

    private void report(Case rehearsed, Peer peer, String fault) {
        checked++;
        wrong += fault == null ? 0 : 1;
        out.accept(String.format(
                Locale.ROOT,
                "%-36s %-8s  %s",
                rehearsed.name(),
                peer.name(),
                fault == null ? "right" : "WRONG: " + fault));
    }
}
