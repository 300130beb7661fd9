package sdae.data;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import sdae.io.Printable;
import sdae.tensor.Philox;

/**
 * An endless sequence of batches, epoch after epoch, prepared ahead by worker threads. A batch is a function of (source,
 * augment, seed, epoch, step): workers and the starting point do not change it.
 *
 * <p>Three batches exist: one with the caller, one ready, one being filled. Workers fill them in order, a few images at a time.
 */
public final class BatchLoader implements AutoCloseable {
    private static final int BUFFERS = 3;
    private static final int MAX_CLAIM = 16;
    private static final long CACHE_BYTES = 512L << 20;

    /**
     * What to load and how.
     *
     * @param workers threads; 0 does the work in next()
     * @param dropLast whether an epoch's short last batch is left out
     * @param skipBad whether a broken image is replaced by the next index (at most 0.1 % of the images and 1,000, but at least
     *     one) instead of ending the run
     */
    public record Settings(
            int batchSize, long seed, int workers, int startEpoch, int startStep, boolean dropLast, boolean skipBad) {
        /** From the first epoch on, short batches dropped, broken images fatal. */
        public static Settings of(int batchSize, long seed, int workers) {
            return new Settings(batchSize, seed, workers, 0, 0, true, false);
        }

        public Settings startingAt(int epoch, int step) {
            return new Settings(batchSize, seed, workers, epoch, step, dropLast, skipBad);
        }

        public Settings keepingLast() {
            return new Settings(batchSize, seed, workers, startEpoch, startStep, false, skipBad);
        }

        public Settings skippingBad() {
            return new Settings(batchSize, seed, workers, startEpoch, startStep, dropLast, true);
        }
    }

    private final ImageSource source;
    private final Augment augment;
    private final Settings settings;
    private final int stepsPerEpoch;
    private final int claim;
    private final CachedImages images;
    private final NativeBuffer callersPixels = new NativeBuffer(); // with 0 workers
    private final List<Thread> threads = new ArrayList<>();
    private final Object lock = new Object();
    // Guarded by lock:
    private final Deque<Batch> free = new ArrayDeque<>();
    private final Deque<Batch> filling = new ArrayDeque<>();
    private int epoch;
    private int step;
    private int orderEpoch = -1;
    private int[] order;
    private boolean closed;
    private long waitedNanos;

    /** Starts the workers. @throws IllegalArgumentException if a setting is out of range, or the source is too small for one batch */
    public BatchLoader(ImageSource source, Augment augment, Settings settings) {
        this(
                source,
                augment,
                settings,
                Math.min(CACHE_BYTES, Runtime.getRuntime().maxMemory() / 4));
    }

    BatchLoader(ImageSource source, Augment augment, Settings settings, long cacheBytes) {
        check(source, settings);
        this.source = source;
        this.augment = augment;
        this.settings = settings;
        int size = source.size();
        int batch = settings.batchSize;
        this.stepsPerEpoch = settings.dropLast ? size / batch : (size - 1) / batch + 1;
        if (settings.startStep < 0 || settings.startStep >= stepsPerEpoch || settings.startEpoch < 0) {
            throw new IllegalArgumentException("batchLoader: the start must be an epoch from 0 and a step below "
                    + stepsPerEpoch + ", but is epoch " + settings.startEpoch + ", step " + settings.startStep);
        }
        this.claim = Math.max(1, Math.min(MAX_CLAIM, batch / (4 * Math.max(1, settings.workers))));
        this.images = new CachedImages(source, settings.skipBad, cacheBytes);
        this.epoch = settings.startEpoch;
        this.step = settings.startStep;
        for (int i = 0; i < (settings.workers == 0 ? 1 : BUFFERS); i++) {
            free.add(new Batch(this, batch, augment.outputSize()));
        }
        for (int i = 0; i < settings.workers; i++) {
            Thread thread = new Thread(this::work, "sdae-data-" + i);
            thread.setDaemon(true);
            threads.add(thread);
        }
        threads.forEach(Thread::start);
    }

    private static void check(ImageSource source, Settings s) {
        if (s.batchSize < 1 || s.workers < 0 || s.workers > 256) {
            throw new IllegalArgumentException("batchLoader: batch size must be from 1 and workers in 0..256, but are "
                    + s.batchSize + " and " + s.workers);
        }
        if (s.dropLast && s.batchSize > source.size()) {
            throw new IllegalArgumentException("batchLoader: a batch of " + s.batchSize
                    + " must fit in the data set, but that has " + source.size() + " images (lower the batch size)");
        }
    }

    public int stepsPerEpoch() {
        return stepsPerEpoch;
    }

    /** Seconds that next() has spent waiting for data (with 0 workers: making it). */
    public double waitedSeconds() {
        synchronized (lock) {
            return waitedNanos * 1e-9;
        }
    }

    /** Broken images met so far, when they are skipped. */
    public int badImages() {
        return images.broken();
    }

    /**
     * The next batch; release it when done.
     *
     * @throws BadImageException if an image of this batch is broken (or one too many, when they are skipped)
     * @throws IllegalStateException if all batches are held, the loader is closed, or the thread is interrupted
     */
    public Batch next() {
        long start = System.nanoTime();
        synchronized (lock) {
            if (!closed && filling.isEmpty() && free.isEmpty()) {
                throw new IllegalStateException("batchLoader: all batches are held; release() one before next()");
            }
        }
        if (settings.workers == 0) {
            Claim part;
            while ((part = claim(false)) != null) {
                fill(part, callersPixels);
            }
        }
        synchronized (lock) {
            while (!closed && (filling.isEmpty() || !complete(filling.peek()))) {
                await();
            }
            waitedNanos += System.nanoTime() - start;
            if (closed) {
                throw new IllegalStateException("batchLoader: next() after close()");
            }
            Batch batch = filling.peek();
            if (batch.failure != null) {
                throw batch.failure;
            }
            if (batch.error != null) {
                throw batch.error;
            }
            filling.poll();
            batch.out = true;
            return batch;
        }
    }

    void release(Batch batch) {
        synchronized (lock) {
            if (!batch.out) {
                throw new IllegalStateException("batch: released twice");
            }
            batch.out = false;
            free.add(batch);
            lock.notifyAll();
        }
    }

    /** Stops the workers. The source stays open: it is the caller's. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
            lock.notifyAll();
        }
        boolean interrupted = false;
        for (Thread thread : threads) { // no interrupts: they would close the source's channels
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Rows from..to of a batch, for one thread to fill. */
    private record Claim(Batch batch, int from, int to) {}

    private static boolean complete(Batch batch) {
        return batch.done == batch.size;
    }

    /** The next rows to fill; null when there is nothing to do, or with waiting only when closed. */
    private Claim claim(boolean waiting) {
        synchronized (lock) {
            while (!closed) {
                Batch last = filling.peekLast();
                if (last == null || last.claimed == last.size) {
                    last = free.isEmpty() ? null : begin();
                }
                if (last != null) {
                    int from = last.claimed;
                    last.claimed = Math.min(last.size, from + claim);
                    return new Claim(last, from, last.claimed);
                }
                if (!waiting) {
                    return null;
                }
                await();
            }
            return null;
        }
    }

    /** Takes a free batch and sets it up as the next in order. */
    private Batch begin() {
        if (orderEpoch != epoch) {
            order = new Philox(settings.seed, Philox.Purpose.SHUFFLE, epoch, 0).permutation(source.size());
            orderEpoch = epoch;
        }
        Batch batch = free.poll();
        batch.epoch = epoch;
        batch.step = step;
        batch.order = order;
        batch.size = Math.min(settings.batchSize, source.size() - step * settings.batchSize);
        batch.claimed = 0;
        batch.done = 0;
        filling.add(batch);
        if (++step == stepsPerEpoch) {
            step = 0;
            epoch++;
        }
        return batch;
    }

    @SuppressWarnings("WaitNotInLoop") // both callers loop
    private void await() {
        try {
            lock.wait();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("batchLoader: interrupted while waiting for data", e);
        }
    }

    private void work() {
        NativeBuffer pixels = new NativeBuffer();
        Claim part;
        while ((part = claim(true)) != null) {
            fill(part, pixels);
        }
    }

    private void fill(Claim part, NativeBuffer pixels) {
        Batch batch = part.batch;
        RuntimeException failure = null;
        Error error = null;
        try {
            for (int row = part.from; row < part.to; row++) {
                fill(batch, row, pixels);
            }
        } catch (RuntimeException e) {
            failure = e;
        } catch (Error e) { // an OutOfMemoryError must reach the trainer, not end a thread in silence
            error = e;
        }
        synchronized (lock) {
            batch.failure = batch.failure == null ? failure : batch.failure;
            batch.error = batch.error == null ? error : batch.error;
            batch.done += part.to - part.from;
            lock.notifyAll();
        }
    }

    private void fill(Batch batch, int row, NativeBuffer pixels) {
        int wanted = batch.order[batch.step * settings.batchSize + row];
        CachedImages.Found found = images.find(wanted, pixels);
        Philox random = new Philox(settings.seed, Philox.Purpose.CROP, batch.epoch, wanted);
        try {
            augment.apply(found.image(), batch.images(), row * augment.outputSize(), random);
        } catch (RuntimeException e) {
            throw new IllegalStateException(
                    "batchLoader: image " + Printable.of(source.name(found.id())) + ": " + e.getMessage(), e);
        }
        batch.ids()[row] = found.id();
        batch.labels()[row] = source.label(found.id());
    }
}
