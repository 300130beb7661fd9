package sdae.io;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/** The progress line: rewritten in place on a terminal, a line now and then elsewhere. */
public final class Progress {
    private static final double TERMINAL_SECONDS = 0.2;
    private static final double LOG_SECONDS = 10;

    private final PrintStream out;
    private final String before;
    private final Supplier<String> after;
    private final LongSupplier nanoTime;
    private final boolean terminal;
    private long last;
    private int width;

    public Progress(PrintStream out) {
        this(out, "", () -> "");
    }

    /** By another clock, in nanoseconds. */
    public Progress(PrintStream out, LongSupplier nanoTime) {
        this(out, "", () -> "", nanoTime);
    }

    /** Of one run among several: every line begins with {@code before}, the state also ends with {@code after}. */
    public Progress(PrintStream out, String before, Supplier<String> after) {
        this(out, before, after, System::nanoTime);
    }

    private Progress(PrintStream out, String before, Supplier<String> after, LongSupplier nanoTime) {
        this.out = out;
        this.before = before;
        this.after = after;
        this.nanoTime = nanoTime;
        this.terminal = isTerminal(out == System.err ? 2 : 1);
        last = nanoTime.getAsLong() - (long) (LOG_SECONDS * 1e9); // the first state is shown
    }

    /** Whether standard output or error is a terminal; System.console() would ask for standard input too. */
    private static boolean isTerminal(int descriptor) {
        try {
            String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor))
                    .toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
        } catch (IOException e) {
            return false;
        }
    }

    /** Shows the state of training if it is time to, or {@code now}. */
    public void show(
            boolean now, long step, long steps, double epoch, double epochs, double loss, double rate, double seconds) {
        if (now || due()) {
            show(String.format(
                    Locale.ROOT,
                    "step %d/%d  epoch %.2f/%.4g  loss %.4f  %.1f images/s  ETA %s",
                    step,
                    steps,
                    epoch,
                    epochs,
                    loss,
                    rate,
                    clock(seconds)));
        }
    }

    /** Whether it is time to show a state again. */
    boolean due() {
        return (nanoTime() - last) * 1e-9 >= (terminal ? TERMINAL_SECONDS : LOG_SECONDS);
    }

    long nanoTime() {
        return nanoTime.getAsLong();
    }

    /** Shows a state now. */
    void show(String state) {
        last = nanoTime();
        String line = before + state + after.get();
        if (terminal) {
            out.print('\r' + line + " ".repeat(Math.max(0, width - line.length())));
            out.flush();
            width = line.length();
        } else {
            out.println(line);
        }
    }

    /** A line of its own. */
    public void say(String text) {
        clear();
        out.println(before + text);
    }

    /** Takes the state off the terminal, for others to write there. */
    public void clear() {
        if (width > 0) {
            out.print('\r' + " ".repeat(width) + '\r');
            out.flush();
            width = 0;
        }
    }

    /** 1:05 or 2:03:10. */
    public static String clock(double seconds) {
        long s = Math.round(Math.min(seconds, 1e9));
        return s >= 3600
                ? String.format(Locale.ROOT, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60)
                : String.format(Locale.ROOT, "%d:%02d", s / 60, s % 60);
    }
}
