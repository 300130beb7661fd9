package sdae.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Times several implementations of a case in turn, each in its own process. A round is one turn of each, some tens of
 * milliseconds long, so the two halves of a pair see the same neighbours, clock and temperature; every other round goes the
 * other way round, so a drift cancels. Processes are renewed some times over, for where memory lies differs between starts
 * more than runs do within one.
 */
final class PairedRun {
    /** How much is measured. */
    record Effort(int processes, int rounds, int stepRounds, double turnSeconds) {
        /** 3 x 15 rounds: the interval of a ratio is then some per cent wide on a machine with neighbours. */
        static final Effort FULL = new Effort(3, 15, 9, 0.03);
        /** For a look: 8 pairs are the fewest whose interval is not their whole range. */
        static final Effort QUICK = new Effort(1, 8, 3, 0.02);
    }

    private static final int MOST_RUNS = 200;

    private final List<Peer> implementations;
    private final String device;
    private final int threads;
    private final Effort effort;
    private final Consumer<String> log;
    private final Map<Peer, TurnsProcess> processes = new LinkedHashMap<>();

    PairedRun(List<Peer> implementations, String device, int threads, Effort effort, Consumer<String> log) {
        this.implementations = implementations;
        this.device = device;
        this.threads = threads;
        this.effort = effort;
        this.log = log;
    }

    /** Results of every case and implementation that has it, in that order; {@code done} sees each case when it is complete. */
    List<Result> run(List<Case> cases, Consumer<List<Result>> done) {
        Map<Case, Map<Peer, List<double[]>>> seconds = new LinkedHashMap<>();
        Map<Case, Map<Peer, Long>> peaks = new LinkedHashMap<>();
        cases.forEach(c -> {
            seconds.put(c, new LinkedHashMap<>());
            peaks.put(c, new LinkedHashMap<>());
        });
        List<Result> results = new ArrayList<>();
        for (int repeat = 0; repeat < effort.processes; repeat++) {
            boolean last = repeat == effort.processes - 1;
            for (Case timed : cases) {
                if (timed.kernel() != Kernel.STEP || last) {
                    time(timed, seconds.get(timed), peaks.get(timed));
                }
                if (last) {
                    List<Result> of = results(timed, seconds.get(timed), peaks.get(timed));
                    results.addAll(of);
                    done.accept(of);
                }
            }
            stop();
        }
        return results;
    }

    private void time(Case timed, Map<Peer, List<double[]>> seconds, Map<Peer, Long> peaks) {
        boolean step = timed.kernel() == Kernel.STEP;
        if (step) {
            stop(); // so that peak memory is this step's
        }
        Map<Peer, TurnsProcess> ready = new LinkedHashMap<>();
        for (Peer peer : implementations) {
            TurnsProcess process = process(peer);
            String answer = process.open(timed);
            if (answer.equals("ready")) {
                ready.put(peer, process);
            } else if (!answer.equals("none")) {
                log.accept(timed.name() + ": " + peer.name() + " is left out: " + answer);
            }
        }
        if (!ready.keySet().isEmpty()) {
            rounds(timed, ready)
                    .forEach((peer, taken) -> seconds.computeIfAbsent(peer, p -> new ArrayList<>())
                            .add(taken));
        }
        ready.forEach((peer, process) -> {
            if (step) {
                peaks.put(peer, process.peakBytes());
            }
            process.closeCase();
        });
        if (step) {
            stop();
        }
    }

    private Map<Peer, double[]> rounds(Case timed, Map<Peer, TurnsProcess> ready) {
        boolean step = timed.kernel() == Kernel.STEP;
        Map<Peer, Integer> runs = new LinkedHashMap<>();
        ready.forEach((peer, process) -> {
            double once = Ratios.median(process.run(step ? 1 : 3)); // the first turn is not counted
            runs.put(peer, step ? 1 : (int) Math.max(1, Math.min(MOST_RUNS, effort.turnSeconds / once)));
        });
        int count = step ? effort.stepRounds : effort.rounds;
        Map<Peer, double[]> taken = new LinkedHashMap<>();
        ready.keySet().forEach(peer -> taken.put(peer, new double[count]));
        List<Peer> order = new ArrayList<>(ready.keySet());
        for (int round = 0; round < count; round++) {
            for (int i = 0; i < order.size(); i++) {
                Peer peer = order.get(round % 2 == 0 ? i : order.size() - 1 - i);
                taken.get(peer)[round] = Ratios.median(ready.get(peer).run(runs.get(peer)));
            }
        }
        return taken;
    }

    private List<Result> results(Case timed, Map<Peer, List<double[]>> seconds, Map<Peer, Long> peaks) {
        List<Result> results = new ArrayList<>();
        for (Peer peer : implementations) {
            List<double[]> taken = seconds.get(peer);
            if (taken != null) {
                results.add(new Result(
                        timed,
                        peer.name(),
                        device,
                        threads,
                        taken.toArray(double[][]::new),
                        peaks.getOrDefault(peer, 0L)));
            }
        }
        return results;
    }

    /** The peer's process; a new one when the last has died. */
    private TurnsProcess process(Peer peer) {
        TurnsProcess process = processes.get(peer);
        if (process == null || !process.alive()) {
            process = new TurnsProcess(peer, device, threads);
            processes.put(peer, process);
        }
        return process;
    }

    private void stop() {
        processes.values().forEach(TurnsProcess::close);
        processes.clear();
    }
}
