package sdae.bench;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Implementations and cases that take turns in the same rounds, so that each pair of them can be compared. */
record Contest(List<Entry> entries) {
    /** An implementation at a case. */
    record Entry(Peer peer, Case timed) {}

    Contest {
        entries = List.copyOf(entries);
    }

    /** Every implementation at one case. */
    static Contest of(Case timed, List<Peer> implementations) {
        return new Contest(
                implementations.stream().map(peer -> new Entry(peer, timed)).toList());
    }

    /** What goals need of the implementations that are here: all of one kernel and shape meet, whatever their types. */
    static List<Contest> of(Collection<Goal.Needed> needed, List<Peer> implementations) {
        Map<String, List<Entry>> byPlace = new LinkedHashMap<>();
        for (Goal.Needed need : needed) {
            for (Peer peer : implementations) {
                if (peer.name().equals(need.implementation())) {
                    String place =
                            need.timed().kernel() + " " + need.timed().shape().name();
                    byPlace.computeIfAbsent(place, p -> new ArrayList<>()).add(new Entry(peer, need.timed()));
                }
            }
        }
        return byPlace.values().stream().map(Contest::new).toList();
    }

    /** Whole steps: one run a turn, and a process for each entry, whose peak of memory is then its own. */
    boolean steps() {
        return entries.get(0).timed().kernel() == Kernel.STEP;
    }
}
