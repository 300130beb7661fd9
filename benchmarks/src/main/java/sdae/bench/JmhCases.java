package sdae.bench;

/** Opens cases for JMH, which knows them by text. */
final class JmhCases {
    private JmhCases() {}

    /** The case {@code KERNEL:SHAPE}, ready and checked, on the CPU. */
    static Work open(String timed, String dtype, int threads) {
        String[] words = timed.split(":", -1);
        if (words.length != 2) {
            throw new IllegalArgumentException("bench: timed must be KERNEL:SHAPE, but is " + timed);
        }
        Case wanted = Cases.of(words[0], words[1], dtype);
        int used = threads > 0 ? threads : Runtime.getRuntime().availableProcessors();
        Work work = new SdaePeer("cpu").open(wanted, used);
        if (work == null) {
            throw new IllegalArgumentException("bench: cpu has no " + wanted.name());
        }
        String fault = checked(wanted, work);
        if (fault != null) {
            work.close();
            throw new IllegalStateException("bench: " + wanted.name() + ": " + fault);
        }
        return work;
    }

    /** Runs the body once; what is wrong with its outputs, or null. */
    static String checked(Case wanted, Work work) {
        work.reset();
        work.run();
        return wanted.fault(work.outputs(), work.slack());
    }
}
