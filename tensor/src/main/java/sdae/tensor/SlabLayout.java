package sdae.tensor;

import java.util.Map;
import java.util.TreeMap;

/**
 * Which ranges of a slab are taken: the best fit, at the lowest place, with neighbouring free ranges joined. The same calls in
 * the same order give the same places.
 */
final class SlabLayout {
    /** Free ranges below {@link #end} by their start. */
    private final TreeMap<Long, Long> free = new TreeMap<>();

    private long end;
    private long most;

    /** Takes {@code bytes}; returns where they start. */
    long take(long bytes) {
        long best = -1;
        long bestBytes = Long.MAX_VALUE;
        for (Map.Entry<Long, Long> range : free.entrySet()) {
            if (range.getValue() >= bytes && range.getValue() < bestBytes) {
                best = range.getKey();
                bestBytes = range.getValue();
            }
        }
        if (best >= 0) {
            free.remove(best);
            if (bestBytes > bytes) {
                free.put(best + bytes, bestBytes - bytes);
            }
            return best;
        }
        long at = end;
        Map.Entry<Long, Long> last = free.lastEntry();
        if (last != null && last.getKey() + last.getValue() == end) {
            at = last.getKey();
            free.remove(at);
        }
        end = at + bytes;
        most = Math.max(most, end);
        return at;
    }

    void give(long at, long bytes) {
        long from = at;
        long to = at + bytes;
        Map.Entry<Long, Long> below = free.lowerEntry(at);
        if (below != null && below.getKey() + below.getValue() == from) {
            from = below.getKey();
        }
        Long above = free.remove(to);
        if (above != null) {
            to += above;
        }
        free.put(from, to - from);
    }

    /** The largest end of all ranges taken since {@link #clear}: the slab that this needs. */
    long most() {
        return most;
    }

    void clear() {
        free.clear();
        end = 0;
        most = 0;
    }
}
