package sdae.tensor;

/** A device is not there, or has failed. The text says which, what it did, and what mends it. */
public final class DeviceException extends RuntimeException {
    public DeviceException(String message) {
        super(message);
    }

    public DeviceException(String message, Throwable cause) {
        super(message, cause);
    }
}
