package sdae.data;

/** One image cannot be used. Loaders may skip such an image; every other {@link DataException} ends the run. */
public final class BadImageException extends DataException {
    private final String path;
    private final String reason;
    private final String hint;

    public BadImageException(String path, String reason, String hint) {
        this(path, reason, hint, null);
    }

    public BadImageException(String path, String reason, String hint, Throwable cause) {
        super(text("bad image", path, reason, hint), cause);
        this.path = path;
        this.reason = reason;
        this.hint = hint;
    }

    /** The file or member, as the source names it. */
    public String path() {
        return path;
    }

    public String reason() {
        return reason;
    }

    /** What the user can do, or an empty string. */
    public String hint() {
        return hint;
    }
}
