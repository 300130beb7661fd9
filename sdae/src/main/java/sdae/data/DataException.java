package sdae.data;

import sdae.io.Printable;

/** A data set cannot be opened or is not what it claims to be. The message names the file, the rule and a way out. */
public class DataException extends RuntimeException {
    public DataException(String message) {
        super(message);
    }

    public DataException(String message, Throwable cause) {
        super(message, cause);
    }

    /** "what where: reason (hint)"; the hint may be empty. Control characters of names are escaped. */
    static String text(String what, String where, String reason, String hint) {
        return what + " " + Printable.of(where) + ": " + reason + (hint.isEmpty() ? "" : " (" + hint + ")");
    }
}
