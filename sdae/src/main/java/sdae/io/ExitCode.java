package sdae.io;

/** The stable exit codes of every command; see the fault table in the documentation. */
public enum ExitCode {
    DONE(0),
    BUG(1),
    CONFIG(2),
    DATA(3),
    CHECKPOINT(4),
    DISK(5),
    MEMORY(6),
    NUMERIC(7),
    DEVICE(8),
    LOCKED(9),
    /** The self-test ran to its end and found a kernel or a step that computes wrong. */
    WRONG(10),
    /** Stopped by a signal with a checkpoint saved; running again with --resume continues. */
    STOPPED(75);

    private final int code;

    ExitCode(int code) {
        this.code = code;
    }

    /** The number that the process exits with. */
    public int code() {
        return code;
    }
}
