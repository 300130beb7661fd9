package sdae.io;

/**
 * A fault that the user can mend: printed as one line {@code ERROR <code>: text}, without a stack trace.
 *
 * <p>The text says what is wrong, where, and what to do. Names that come from files go through {@link Printable} first.
 */
public final class UserError extends RuntimeException {
    private final ExitCode code;

    public UserError(ExitCode code, String message) {
        this(code, message, null);
    }

    public UserError(ExitCode code, String message, Throwable cause) {
        super(message, cause, false, true);
        this.code = code;
    }

    public ExitCode code() {
        return code;
    }

    /** What the command prints: {@code ERROR 4: text}. */
    public String line() {
        return "ERROR " + code.code() + ": " + getMessage();
    }
}
