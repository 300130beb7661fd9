package sdae.io;

import java.util.Locale;
import java.util.concurrent.CancellationException;
import java.util.function.Supplier;

/** How far long work on images is: shown when it has taken a while, and ended between two batches when a signal has come. */
public final class Pace {
    private static final double PATIENCE_SECONDS = 5;

    private final Progress progress;
    private final String what;
    private final Supplier<String> stop;
    private final long start;
    private long expected;
    private long begun;

    /**
     * Begins now.
     *
     * @param what the first word of what is shown
     * @param stop the name of the signal that has come, or null
     */
    public Pace(Progress progress, String what, Supplier<String> stop) {
        this.progress = progress;
        this.what = what;
        this.stop = stop;
        start = progress.nanoTime();
    }

    /** So many images more will come. */
    public Pace expect(long images) {
        expected += images;
        return this;
    }

    /** Before the next so many images. @throws CancellationException if a signal has come */
    public void batch(int images) {
        check();
        double seconds = (progress.nanoTime() - start) * 1e-9;
        if (begun > 0 && seconds > PATIENCE_SECONDS && progress.due()) {
            progress.show(String.format(
                    Locale.ROOT,
                    "%s %d/%d  %.1f images/s  ETA %s",
                    what,
                    begun,
                    expected,
                    begun / seconds,
                    Progress.clock((expected - begun) * seconds / begun)));
        }
        begun += images;
    }

    /** Between two parts of the work that are no images. @throws CancellationException if a signal has come */
    public void check() {
        String signal = stop.get();
        if (signal != null) {
            throw new CancellationException(signal);
        }
    }
}
