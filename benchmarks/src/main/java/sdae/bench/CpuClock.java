package sdae.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/** Processor time of this process, in nanoseconds. */
final class CpuClock {
    private static final OperatingSystemMXBean PROCESS =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private CpuClock() {}

    /** Of all threads so far, in steps of 10 ms: that is how the JVM gets it from Linux. */
    static long ofAll() {
        return PROCESS.getProcessCpuTime();
    }

    /**
     * Of all threads alive but the calling one, as exactly as the scheduler counts: a thread that spins for 2 ms shows. Without
     * {@code /proc}, {@link #ofAll}.
     */
    static long ofOthers() {
        String[] threads = new File("/proc/self/task").list();
        if (threads == null) {
            return ofAll();
        }
        long sum = 0;
        String caller = caller();
        for (String thread : threads) {
            sum += thread.equals(caller) ? 0 : ofThread(thread);
        }
        return sum;
    }

    /** The first number of schedstat: proc(5), kernel documentation sched-stats. */
    private static long ofThread(String id) {
        try {
            String line = Files.readString(Path.of("/proc/self/task", id, "schedstat"));
            return Long.parseLong(line.substring(0, line.indexOf(' ')));
        } catch (IOException e) {
            return 0; // has just ended
        }
    }

    private static String caller() {
        try {
            return Path.of("/proc/thread-self").toRealPath().getFileName().toString();
        } catch (IOException e) {
            return "";
        }
    }
}
