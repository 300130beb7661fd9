package sdae.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.StringJoiner;
import sdae.tensor.DeviceException;
import sdae.train.Machine;

/**
 * The program of a process that computes when it is its turn. A line in, a line out (marked, for libraries print too):
 *
 * <pre>
 * check KERNEL SHAPE DTYPE FILE  ready | none | fault TEXT   makes a case ready and checks it against that file's values
 * open KERNEL SHAPE DTYPE        ready | none | fault TEXT   the same without the check, for one that has passed it
 * run KERNEL SHAPE DTYPE COUNT   seconds S S S ...           so many runs, each timed, or one mean of them: {@link Work#time}
 * used                           used BYTES SHARE            most memory resident so far; share of the threads' time that
 *                                                            the timed runs kept a core busy
 * close                          closed                      all cases
 * </pre>
 *
 * After a fault of a device it ends, for the device may be lost to it; whoever asks next needs a new process.
 *
 * It answers {@code run} only when all its threads have gone to sleep: those that spin, waiting for more work, would take
 * time from whoever is next.
 */
final class Turns {
    static final String MARK = "@sdae ";

    private static final int WORDS = 5; // the last is a file, which may have spaces
    private static final long QUIET_CHECK_MILLIS = 2;
    private static final long QUIET_LIMIT_MILLIS = 300;
    private static final double LONG_SECONDS = 2; // of one run: too long for its beginning to matter
    private static final double QUIET_SHARE = 0.1;

    private final Peer peer;
    private final int threads;
    private final Map<String, Opened> works = new HashMap<>();
    private boolean lost;
    private long cpuNanos;
    private long wallNanos;

    /** A case made ready, and how long its last run took. */
    private record Opened(Work work, double seconds) {}

    private Turns(Peer peer, int threads) {
        this.peer = peer;
        this.threads = threads;
    }

    /** Arguments: the peer's class, device, threads. Reads standard input to its end. */
    public static void main(String[] arguments) throws IOException {
        Turns turns = new Turns(Peers.of(arguments[0], arguments[1]), Integer.parseInt(arguments[2]));
        PrintStream out = System.out;
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        String line = in.readLine();
        while (line != null) {
            out.println(MARK + turns.answer(line.split(" ", WORDS)));
            out.flush();
            line = turns.lost ? null : in.readLine();
        }
        System.exit(0); // without waiting for a library's threads
    }

    private String answer(String[] words) {
        try {
            return switch (words[0]) {
                case "check" -> open(Cases.of(words[1], words[2], words[3]), words[4]);
                case "open" -> open(Cases.of(words[1], words[2], words[3]), null);
                case "run" -> run(Cases.of(words[1], words[2], words[3]), Integer.parseInt(words[4]));
                case "used" -> "used " + Machine.peakResidentBytes() + " " + (double) cpuNanos / wallNanos / threads;
                case "close" -> close();
                default -> "fault unknown request " + words[0];
            };
        } catch (RuntimeException | LinkageError e) {
            lost = e instanceof DeviceException;
            return "fault " + String.valueOf(e).replaceAll("\\s+", " ");
        }
    }

    private String open(Case wanted, String expected) {
        Work work = peer.open(wanted, threads);
        if (work == null) {
            return "none";
        }
        work.reset();
        long begin = System.nanoTime();
        work.run();
        works.put(wanted.name(), new Opened(work, (System.nanoTime() - begin) * 1e-9));
        if (expected == null) {
            return "ready";
        }
        String fault = wanted.checked() == null
                ? wanted.fault(work.outputs(), work.slack())
                : wanted.fault(work.outputs(), work.slack(), Expected.read(wanted, Path.of(expected)));
        return fault == null ? "ready" : "fault " + fault;
    }

    private String run(Case wanted, int count) {
        Opened opened = works.get(wanted.name());
        Work work = opened.work;
        if (opened.seconds < LONG_SECONDS) {
            work.warm();
        }
        long cpu = CpuClock.ofAll();
        long begin = System.nanoTime();
        double[] seconds = work.time(count);
        works.put(wanted.name(), new Opened(work, seconds[seconds.length - 1]));
        wallNanos += System.nanoTime() - begin;
        cpuNanos += CpuClock.ofAll() - cpu;
        waitUntilQuiet();
        StringJoiner answer = new StringJoiner(" ", "seconds ", "");
        for (double s : seconds) {
            answer.add(Double.toString(s));
        }
        return answer.toString();
    }

    private void waitUntilQuiet() {
        long end = System.nanoTime() + QUIET_LIMIT_MILLIS * 1_000_000;
        while (System.nanoTime() < end) {
            long cpu = CpuClock.ofOthers();
            long wall = System.nanoTime();
            try {
                Thread.sleep(QUIET_CHECK_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
            if (CpuClock.ofOthers() - cpu < QUIET_SHARE * (System.nanoTime() - wall)) {
                return;
            }
        }
    }

    private String close() {
        works.values().forEach(opened -> opened.work.close());
        works.clear();
        return "closed";
    }
}
