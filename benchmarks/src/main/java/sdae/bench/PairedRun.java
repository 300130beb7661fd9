package sdae.bench;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import sdae.bench.Contest.Entry;

/**
 * Times the entries of a contest in turn, each implementation in its own process. A round is one turn of each, some tenths of a
 * second long, so the two halves of a pair see the same neighbours, clock and temperature; every other round goes the
 * other way round, so a drift cancels. Processes are renewed some times over, for where memory lies differs between starts
 * more than runs do within one.
 */
final class PairedRun {
    /** How much is measured. */
    record Effort(int processes, int rounds, int stepRounds, double turnSeconds) {
        /** 3 x 8 rounds: the interval of a ratio is then some per cent wide on a machine with neighbours. */
        static final Effort FULL = new Effort(3, 8, 9, 0.03);
        /** All goals in some 35 minutes, reckoned; 6 pairs of steps are the fewest that have an interval. */
        static final Effort GOALS = new Effort(2, 6, 6, 0.03);
        /** For a look: 8 pairs are the fewest whose interval is not their whole range. */
        static final Effort QUICK = new Effort(1, 8, 3, 0.02);
    }

    private static final int MOST_RUNS = 200;
    /** Kernels of some microseconds, asked for by the thousand. */
    private static final int MOST_LAUNCHES = 100_000;

    private final String device;
    private final int threads;
    private final Effort effort;
    private final Consumer<String> log;
    private final Map<String, TurnsProcess> processes = new LinkedHashMap<>();

    PairedRun(String device, int threads, Effort effort, Consumer<String> log) {
        if (device.equals("cuda-sim")) {
            throw new IllegalArgumentException("bench: a simulated device has no speed; cuda-sim is never timed");
        }
        this.device = device;
        this.threads = threads;
        this.effort = effort;
        this.log = log;
    }

    /** What was measured of one entry so far. */
    private static final class Taken {
        private final List<double[]> seconds = new ArrayList<>();
        private TurnsProcess.Used used = TurnsProcess.Used.UNKNOWN;
        private boolean leftOut;
    }

    /** Results of every entry that could run, in order; {@code done} sees those of a contest when it is complete. */
    List<Result> run(List<Contest> contests, Consumer<List<Result>> done) {
        Map<Entry, Taken> taken = new HashMap<>();
        contests.forEach(contest -> contest.entries().forEach(entry -> taken.put(entry, new Taken())));
        List<Result> results = new ArrayList<>();
        for (int repeat = 0; repeat < effort.processes; repeat++) {
            boolean last = repeat == effort.processes - 1;
            for (Contest contest : contests) {
                if (!contest.steps() || last) {
                    time(contest, taken);
                }
                if (last) {
                    List<Result> of = results(contest, taken);
                    results.addAll(of);
                    done.accept(of);
                }
            }
            stop();
        }
        return results;
    }

    private void time(Contest contest, Map<Entry, Taken> taken) {
        if (contest.steps()) {
            stop();
        }
        Map<Entry, TurnsProcess> ready = open(contest, taken);
        if (!ready.isEmpty()) {
            rounds(contest, ready, taken)
                    .forEach((entry, seconds) -> taken.get(entry).seconds.add(seconds));
        }
        ready.forEach((entry, process) -> {
            if (contest.steps() && cpu()) { // of the host: no measure of a GPU
                taken.get(entry).used = process.used();
            }
            process.closeCases();
        });
        if (contest.steps()) {
            stop();
        }
    }

    /**
     * Opens the entries; the first time, each is checked. Processes that are there already do so at the same time; a new one
     * has this to itself, for libraries unpack themselves into one folder.
     */
    private Map<Entry, TurnsProcess> open(Contest contest, Map<Entry, Taken> taken) {
        List<Case> fresh = contest.entries().stream()
                .filter(entry -> taken.get(entry).seconds.isEmpty() && !taken.get(entry).leftOut)
                .map(Entry::timed)
                .toList();
        try (Expected expected = new Expected(fresh)) {
            return open(contest, taken, expected);
        }
    }

    private Map<Entry, TurnsProcess> open(Contest contest, Map<Entry, Taken> taken, Expected expected) {
        Map<Entry, TurnsProcess> asked = new LinkedHashMap<>();
        Map<Entry, String> answers = new HashMap<>();
        for (Entry entry : contest.entries()) {
            Taken of = taken.get(entry);
            if (!of.leftOut) {
                int before = processes.size();
                TurnsProcess process = process(entry, contest.steps());
                if (of.seconds.isEmpty()) {
                    process.check(entry.timed(), expected.of(entry.timed()));
                } else {
                    process.open(entry.timed());
                }
                asked.put(entry, process);
                if (processes.size() > before) {
                    answers.put(entry, process.opened());
                }
            }
        }
        Map<Entry, TurnsProcess> ready = new LinkedHashMap<>();
        asked.forEach((entry, process) -> {
            String answer = answers.containsKey(entry) ? answers.get(entry) : process.opened();
            if (answer.equals("ready")) {
                ready.put(entry, process);
            } else {
                leaveOut(entry, taken, answer);
            }
        });
        return ready;
    }

    /** What it has run so far counts no more: rounds of others would have no partner. */
    private void leaveOut(Entry entry, Map<Entry, Taken> taken, String answer) {
        Taken of = taken.get(entry);
        of.leftOut = true;
        of.seconds.clear();
        if (!answer.equals("none")) {
            log.accept(entry.timed().name() + ": " + entry.peer().name() + " is left out: " + answer);
        }
    }

    /** Seconds by entry and round; an entry that fails at any of them is left out. */
    private Map<Entry, double[]> rounds(Contest contest, Map<Entry, TurnsProcess> ready, Map<Entry, Taken> taken) {
        boolean step = contest.steps();
        int most = cpu() ? MOST_RUNS : MOST_LAUNCHES;
        Map<Entry, Integer> runs = new HashMap<>();
        ready.forEach((entry, process) -> {
            try {
                double once = Ratios.median(process.run(entry.timed(), step ? 1 : 3)); // the first turn is not counted
                runs.put(entry, step ? 1 : (int) Math.max(1, Math.min(most, effort.turnSeconds / once)));
            } catch (TurnsProcess.Fault e) {
                leaveOut(entry, taken, e.getMessage());
            }
        });
        int count = step ? effort.stepRounds : effort.rounds;
        Map<Entry, double[]> seconds = new LinkedHashMap<>();
        List<Entry> order = ready.keySet().stream().filter(runs::containsKey).toList();
        order.forEach(entry -> seconds.put(entry, new double[count]));
        for (int round = 0; round < count; round++) {
            for (int i = 0; i < order.size(); i++) {
                Entry entry = order.get(round % 2 == 0 ? i : order.size() - 1 - i);
                if (seconds.containsKey(entry)) {
                    try {
                        seconds.get(entry)[round] =
                                Ratios.median(ready.get(entry).run(entry.timed(), runs.get(entry)));
                    } catch (TurnsProcess.Fault e) {
                        leaveOut(entry, taken, e.getMessage());
                        seconds.remove(entry);
                    }
                }
            }
        }
        return seconds;
    }

    private List<Result> results(Contest contest, Map<Entry, Taken> taken) {
        List<Result> results = new ArrayList<>();
        for (Entry entry : contest.entries()) {
            Taken of = taken.get(entry);
            if (!of.seconds.isEmpty()) {
                results.add(new Result(
                        entry.timed(),
                        entry.peer().name(),
                        device,
                        threads,
                        of.seconds.toArray(double[][]::new),
                        of.used.peakBytes(),
                        of.used.busy()));
            }
        }
        return results;
    }

    private boolean cpu() {
        return device.equals("cpu");
    }

    /** The entry's own process, or its implementation's; a new one when the last has died. */
    private TurnsProcess process(Entry entry, boolean own) {
        String key = own
                ? entry.peer().name() + " " + entry.timed().name()
                : entry.peer().name();
        TurnsProcess process = processes.get(key);
        if (process == null || !process.alive()) {
            process = new TurnsProcess(entry.peer(), device, threads);
            processes.put(key, process);
        }
        return process;
    }

    private void stop() {
        processes.values().forEach(TurnsProcess::close);
        processes.clear();
    }
}
