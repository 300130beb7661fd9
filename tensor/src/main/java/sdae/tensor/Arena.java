package sdae.tensor;

import java.util.HashMap;
import java.util.Map;

/**
 * The memory of a step: one slab, in which what the tape gives back is used again. Step 1 finds out how much a step needs
 * (each block is then an allocation of its own); at its end one slab of that size replaces them. From then on the same step
 * finds the same addresses and allocates nothing. A larger step grows the slab once.
 */
public final class Arena implements AutoCloseable {
    private static final int ALIGNMENT = 64;

    private final Backend backend;
    private final boolean poison;
    private boolean recomputes;
    private final SlabLayout layout = new SlabLayout();
    /** Blocks that lie behind the slab's end, by address, and where in a larger slab they would lie. */
    private final Map<Long, Long> overflow = new HashMap<>();

    private long slab;
    private long slabBytes;
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

    /** Whether its steps run what {@link Tape#recomputable} is given a second time, to keep less. */
    public Arena recomputing(boolean yes) {
        recomputes = yes;
        return this;
    }

    boolean recomputes() {
        return recomputes;
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
        long at = layout.take(size);
        long address = slab + at;
        if (at + size > slabBytes) {
            address = backend.allocate(size);
            overflow.put(address, at);
        }
        if (poison) {
            backend.fillFloats(address, size / Float.BYTES, Float.NaN);
        }
        return new Block(address, size, step);
    }

    void release(Block block) {
        Long behind = overflow.remove(block.address);
        if (behind != null) {
            backend.free(block.address);
        }
        layout.give(behind != null ? behind : block.address - slab, block.bytes);
    }

    void stepEnded() {
        open = null;
        overflow.keySet().forEach(backend::free);
        overflow.clear();
        if (layout.most() > slabBytes) {
            backend.free(slab);
            slab = 0;
            slabBytes = 0;
            slab = backend.allocate(layout.most());
            slabBytes = layout.most();
        }
        layout.clear();
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
