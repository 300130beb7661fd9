package sdae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RunLockTest {
    @TempDir
    Path folder;

    /** Another process that wants the lock: exits with the code of its error, or 0. */
    public static final class Other {
        private Other() {}

        public static void main(String[] args) throws IOException {
            try (RunLock lock = RunLock.acquire(Path.of(args[0]))) {
                System.exit(lock.holds(Path.of(args[0])) ? 0 : 1);
            } catch (UserError e) {
                System.out.println(e.line());
                System.exit(e.code().code());
            }
        }
    }

    private record Answer(int exit, String text) {}

    private Answer other() throws IOException, InterruptedException {
        Path text = Files.createTempFile(folder, "other", ".txt");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        Other.class.getName(),
                        folder.toString())
                .redirectErrorStream(true)
                .redirectOutput(text.toFile())
                .start();
        try {
            assertTrue(process.waitFor(60, TimeUnit.SECONDS), "the other process hangs");
        } finally {
            process.destroyForcibly();
        }
        return new Answer(process.exitValue(), Files.readString(text, StandardCharsets.UTF_8));
    }

    private static String here() {
        return "pid " + ProcessHandle.current().pid() + " on ";
    }

    @Test
    void anotherProcessIsRefusedWithTheHoldersPidAndHost() throws IOException, InterruptedException {
        try (RunLock lock = RunLock.acquire(folder)) {
            assertTrue(lock.holds(folder));
            Answer refused = other();
            assertEquals(9, refused.exit(), refused.text());
            assertTrue(refused.text().startsWith("ERROR 9: run folder "), refused.text());
            assertTrue(refused.text().contains(here()), refused.text());
        }
        assertEquals(0, other().exit());
    }

    /** On Linux closing any handle of the file would free the lock: the refusal must not have opened one. */
    @Test
    void secondHolderInThisProcessIsRefusedAndTheFirstStaysLocked() throws IOException, InterruptedException {
        Path link = Files.createSymbolicLink(folder.resolve("link"), folder);
        try (RunLock lock = RunLock.acquire(folder)) {
            for (Path again : new Path[] {folder, link}) {
                UserError error = assertThrows(UserError.class, () -> RunLock.acquire(again));
                assertEquals(ExitCode.LOCKED, error.code());
                assertTrue(error.getMessage().contains(here()), error.getMessage());
            }
            assertTrue(lock.holds(folder));
            assertEquals(9, other().exit());
        }
    }

    @Test
    void closedLockIsFreeAndClosingTwiceFreesNoOtherHolder() throws IOException {
        RunLock first = RunLock.acquire(folder);
        first.close();
        assertFalse(first.holds(folder));
        try (RunLock second = RunLock.acquire(folder)) {
            first.close();
            assertTrue(second.holds(folder));
            assertThrows(UserError.class, () -> RunLock.acquire(folder));
        }
    }
}
