package sdae.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What the kernel says of this CPU's caches. */
final class Caches {
    private static final long KIBI = 1024;
    private static final long USUAL_L2 = 2 * KIBI * KIBI;

    private Caches() {}

    /** Of one core; 2 MiB where it is not known. */
    static long l2Bytes() {
        return bytes(2, USUAL_L2);
    }

    /** Of the last level, shared; 0 where it is not known. */
    static long l3Bytes() {
        return bytes(3, 0);
    }

    private static long bytes(int level, long otherwise) {
        try {
            String text = Files.readString(Path.of("/sys/devices/system/cpu/cpu0/cache/index" + level + "/size"))
                    .strip();
            return text.endsWith("K") ? KIBI * Long.parseLong(text.substring(0, text.length() - 1)) : otherwise;
        } catch (IOException | NumberFormatException e) {
            return otherwise;
        }
    }
}
