package sdae.io;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.function.Supplier;

/** The progress line: rewritten in place on a terminal, a line now and then elsewhere. */
public final class Progress {
    private static final double TERMINAL_SECONDS = 0.2;
    private static final double LOG_SECONDS = 10;

    private final PrintStream out;
    private final String before;
    private final Supplier<String> after;
    private final boolean terminal;
    private long last;
    private int width;

    public Progress(PrintStream out) {
        this(out, "", () -> "");
    }

    /** Of one run among several: every line begins with {@code before}, the state also ends with {@code after}. */
    public Progress(PrintStream out, String before, Supplier<String> after) {
        this.out = out;
        this.before = before;
        this.after = after;
        this.terminal = isTerminal();
    }

    /** Whether standard output is a terminal; System.console() would ask for standard input too. */
    private static boolean isTerminal() {
        try {
            String target = Files.readSymbolicLink(Path.of("/proc/self/fd/1")).toString();
            return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
        } catch (IOException e) {
            return false;
        }
    }

    /** Shows the state if it is time to, or {@code now}. */
    public void show(
            boolean now, long step, long steps, double epoch, double epochs, double loss, double rate, double seconds) {
        long time = System.nanoTime();
        if (!now && (time - last) * 1e-9 < (terminal ? TERMINAL_SECONDS : LOG_SECONDS)) {
            return;
        }
        last = time;
        String line = before
                + String.format(
                        Locale.ROOT,
                        "step %d/%d  epoch %.2f/%.4g  loss %.4f  %.1f images/s  ETA %s",
                        step,
                        steps,
                        epoch,
                        epochs,
                        loss,
                        rate,
                        clock(seconds))
                + after.get();
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
        if (terminal && width > 0) {
            out.print('\r' + " ".repeat(width) + '\r');
            width = 0;
        }
        out.println(before + text);
    }

    /** 1:05 or 2:03:10. */
    public static String clock(double seconds) {
        long s = Math.round(Math.min(seconds, 1e9));
        return s >= 3600
                ? String.format(Locale.ROOT, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60)
                : String.format(Locale.ROOT, "%d:%02d", s / 60, s % 60);
    }
}
