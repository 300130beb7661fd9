package sdae.tensor;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The memory of a step: one slab, cut from front to back, with exact-size free lists for what the tape gives back. Step 1
 * finds out how much a step needs (each block is then an allocation of its own); at its end one slab of that size replaces
 * them. From then on the same step finds the same addresses and allocates nothing. A larger step grows the slab once.
 */
public final class Arena implements AutoCloseable {
    private static final int ALIGNMENT = 64;

    private final Backend backend;
    private final boolean poison;
    private final Map<Long, ArrayDeque<Long>> free = new HashMap<>();
    private final List<Long> overflow = new ArrayList<>();
    private long slab;
    private long slabBytes;
    private long used;
    private long steps;
    private Tape open;

    public Arena(Backend backend) {
        this(backend, false);
    }

    /** With {@code poison}, every block handed out is filled with NaN first: an output that a kernel forgets shows. */
    public Arena(Backend backend, boolean poison) {
        this.backend = backend;
        this.poison = poison;
    }

    /**
     * Starts the next step.
     *
     * @throws IllegalStateException while the last one is open
     */
    public Tape open() {
        if (open != null) {
            throw new IllegalStateException("arena: step " + steps + " is still open; close its tape first");
        }
        open = new Tape(this, ++steps);
        return open;
    }

    public Backend backend() {
        return backend;
    }

    /** Bytes of the slab: the largest step so far. 0 before the first step ended. */
    public long slabBytes() {
        return slabBytes;
    }

    Block allocate(long bytes, long step) {
        long size = roundUp(Math.max(bytes, 1));
        ArrayDeque<Long> list = free.get(size);
        long address;
        if (list != null && !list.isEmpty()) {
            address = list.pop();
        } else {
            address = used + size <= slabBytes ? slab + used : overflow(size);
            used += size;
        }
        if (poison) {
            backend.fillFloats(address, size / Float.BYTES, Float.NaN);
        }
        return new Block(address, size, step);
    }

    private long overflow(long size) {
        long address = backend.allocate(size);
        overflow.add(address);
        return address;
    }

    void release(Block block) {
        free.computeIfAbsent(block.bytes, size -> new ArrayDeque<>()).push(block.address);
    }

    void stepEnded() {
        open = null;
        free.clear();
        if (!overflow.isEmpty()) {
            overflow.forEach(backend::free);
            overflow.clear();
            backend.free(slab);
            slab = 0;
            slabBytes = 0;
            slab = backend.allocate(used);
            slabBytes = used;
        }
        used = 0;
    }

    /** Frees the slab. */
    @Override
    public void close() {
        if (open != null) {
            open.close();
        }
        backend.free(slab);
        slab = 0;
        slabBytes = 0;
    }

    private static long roundUp(long bytes) {
        return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
}
