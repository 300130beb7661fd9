package sdae.tensor;

import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * One step: hands out its tensors, lists its ops in execution order, walks them back once, and frees blocks as it goes.
 *
 * <p>A block handed out after op i-1 was recorded and until op i was recorded cannot be read by the backward of ops before
 * i. So it is free once op i's backward is done, unless {@link #keep kept}; and a block that a backward hands out is free
 * after it unless it became a gradient.
 */
public final class Tape implements AutoCloseable {
    private record Entry(Op op, Block output, Shape shape, int firstBlock) {}

    private final Arena arena;
    private final long step;
    private final List<Entry> entries = new ArrayList<>();
    private final List<Block> blocks = new ArrayList<>();
    private int recordedBlocks;
    private int scopes;
    private boolean walked;
    private boolean closed;
    private final Traffic gradients = new Traffic();

    Tape(Arena arena, long step) {
        this.arena = arena;
        this.step = step;
    }

    public Backend backend() {
        return arena.backend();
    }

    /** The number of this step in its arena, from 1. */
    public long step() {
        return step;
    }

    /** Uninitialised memory of this step. */
    public Tensor empty(DType dtype, Shape shape) {
        if (closed) {
            throw new IllegalStateException("tape: step " + step + " has ended");
        }
        Block block = arena.allocate((long) shape.count() * dtype.bytes(), step);
        blocks.add(block);
        return new Tensor(block, 0, shape, dtype, this, backend());
    }

    public Tensor empty(DType dtype, int... sizes) {
        return empty(dtype, Shape.of(sizes));
    }

    public Tensor emptyLike(Tensor x) {
        return empty(x.dtype(), x.shape());
    }

    /** An F32 tensor of this step with these values. */
    public Tensor of(float[] values, int... sizes) {
        return empty(DType.F32, sizes).set(values);
    }

    /** An I32 tensor of this step with these values. */
    public Tensor of(int[] values, int... sizes) {
        return empty(DType.I32, sizes).set(values);
    }

    /** A persistent tensor as an input of this step: the same memory, on this tape. */
    public Tensor input(Tensor persistent) {
        return new Tensor(
                persistent.block(), persistent.offset(), persistent.shape(), persistent.dtype(), this, backend());
    }

    /** Marks x as wanting a gradient, to be read with {@link #gradient} after the backward. */
    public Tensor variable(Tensor x) {
        x.block().needsGradient = true;
        return keep(x);
    }

    /** The gradient that has arrived at x, or null. */
    public Tensor gradient(Tensor x) {
        Tensor gradient = x.block().gradient;
        return gradient == null ? null : gradient.reshape(x.shape().sizes());
    }

    /**
     * Called by an op's {@code apply}: notes the op when one of its inputs needs a gradient and nothing forbids it.
     *
     * @return output
     */
    public Tensor record(Op op, Tensor output, boolean needsGradient) {
        if (needsGradient && scopes == 0) {
            if (walked) {
                throw new IllegalStateException("tape: step " + step + " has been walked back; open a new step");
            }
            output.block().needsGradient = true;
            entries.add(new Entry(op, output.block(), output.shape(), recordedBlocks));
            recordedBlocks = blocks.size();
        }
        return output;
    }

    /** Exempts t from being freed before the step ends. */
    public Tensor keep(Tensor t) {
        t.block().kept = true;
        return t;
    }

    /**
     * Runs without recording and frees at once all that was allocated inside, but for the result and what was kept.
     */
    public Tensor scoped(Supplier<Tensor> body) {
        int first = blocks.size();
        scopes++;
        try {
            Tensor result = body.get();
            int held = first;
            for (int i = first; i < blocks.size(); i++) {
                Block block = blocks.get(i);
                if (block == result.block() || block.kept) {
                    blocks.set(held++, block);
                } else {
                    release(block);
                }
            }
            blocks.subList(held, blocks.size()).clear();
            return result;
        } finally {
            scopes--;
        }
    }

    /**
     * body(x), all of whose tensors may be computed anew: where the arena is {@link Arena#recomputing}, only the result is kept,
     * and the backward runs body again to walk it (gradient checkpointing: Chen et al. 2016, arXiv:1604.06174).
     *
     * @param body gives the same values each time; x is the only tensor it reads that needs a gradient, parameters apart
     */
    public Tensor recomputable(Tensor x, UnaryOperator<Tensor> body) {
        if (!recording() || !arena.recomputes()) {
            return body.apply(x);
        }
        Tensor y = scoped(() -> body.apply(x));
        return record(new Recomputed(this, x, body), y, true);
    }

    /** A tape beside this one for a part of its step, walked back by itself. */
    Tape beside() {
        return new Tape(arena, step);
    }

    /** A gradient that a tape {@link #beside} has left at x, as a tensor of this one; x has none then. */
    Tensor takeGradient(Tensor x) {
        Tensor gradient = gradient(x);
        if (gradient == null) {
            return null;
        }
        Block block = gradient.block();
        x.block().gradient = null;
        blocks.add(block);
        return new Tensor(block, gradient.offset(), x.shape(), gradient.dtype(), this, backend());
    }

    /** Whether ops are recorded now: false inside {@link #scoped}. */
    public boolean recording() {
        return scopes == 0;
    }

    /** Walks back from a loss of one value, whose gradient is 1. */
    public void backward(Tensor loss) {
        if (loss.count() != 1) {
            throw new IllegalArgumentException("backward: the loss must have one value, but is " + loss.shape()
                    + "; seed other outputs with their gradients");
        }
        Tensor one = empty(DType.F32, 1);
        backend().fill(one, 1);
        seed(loss, one);
        backward();
    }

    /** Sets (or adds to) the gradient of an output before {@link #backward()}. */
    public void seed(Tensor output, Tensor gradient) {
        if (!output.needsGradient()) {
            throw new IllegalStateException(
                    "backward: tensor " + output.shape() + " does not depend on anything that needs a gradient");
        }
        gradients.add(output, gradient);
    }

    /** Walks all ops back, once. */
    public void backward() {
        if (walked) {
            throw new IllegalStateException("backward: step " + step + " has been walked back already");
        }
        walked = true;
        for (int i = entries.size() - 1; i >= 0; i--) {
            Entry entry = entries.get(i);
            int mark = blocks.size();
            gradients.send(entry);
            releaseTemporaries(mark);
            int end = i + 1 < entries.size() ? entries.get(i + 1).firstBlock : recordedBlocks;
            for (Block block : blocks.subList(entry.firstBlock, end)) {
                if (!block.kept) {
                    release(block);
                }
            }
        }
    }

    /** Frees what a backward handed out and did not give away. */
    private void releaseTemporaries(int mark) {
        for (int b = blocks.size() - 1; b >= mark; b--) {
            Block block = blocks.get(b);
            if (!gradients.owned.contains(block) && !block.kept) {
                release(block);
                blocks.remove(b);
            }
        }
    }

    /** The gradients on their way, each owned by the one block it belongs to. */
    private final class Traffic implements Gradients {
        private final Set<Block> owned = Collections.newSetFromMap(new IdentityHashMap<>());
        private Tensor incoming;

        void send(Entry entry) {
            if (entry.output.gradient == null) {
                return;
            }
            // What comes back may have the shape of a view; the op gets its own output's.
            incoming = entry.output.gradient.reshape(entry.shape.sizes());
            entry.output.gradient = null;
            Block block = incoming.block();
            entry.op.backward(incoming, this);
            if (incoming != null) {
                owned.remove(block);
                release(block);
            }
        }

        @Override
        public boolean wants(Tensor x) {
            return x.needsGradient();
        }

        @Override
        public void add(Tensor x, Tensor dx) {
            if (!x.needsGradient()) {
                return;
            }
            if (dx.count() != x.count()) {
                throw new IllegalArgumentException(
                        "backward: the gradient of " + x.shape() + " cannot have shape " + dx.shape());
            }
            if (x.block().gradient != null) {
                backend().add(x.block().gradient, dx);
            } else if (owned.add(dx.block())) {
                x.block().gradient = dx;
            } else {
                throw new IllegalStateException("backward: the gradient " + dx.shape()
                        + " already belongs to a tensor; copy it for the second, or move it with passOn");
            }
        }

        @Override
        public void passOn(Tensor x, Tensor dy) {
            if (incoming == null || dy.block() != incoming.block()) {
                throw new IllegalStateException(
                        "backward: only the incoming gradient can be passed on, once; give others away with add");
            }
            if (x.needsGradient() && x.block().gradient == null) {
                x.block().gradient = dy;
                incoming = null;
            } else if (x.needsGradient()) {
                backend().add(x.block().gradient, dy);
            }
        }
    }

    private void release(Block block) {
        if (block.state == Block.State.LIVE) {
            block.state = Block.State.FREED_BY_TAPE;
            block.gradient = null;
            arena.release(block);
        }
    }

    /** Ends the step: every tensor of it is gone. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        for (Block block : blocks) {
            block.state = Block.State.STEP_ENDED;
            block.gradient = null;
        }
        arena.stepEnded();
    }
}
