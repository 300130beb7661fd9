package sdae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;

final class PaceTest {
    private final ByteArrayOutputStream shown = new ByteArrayOutputStream();
    private final PrintStream out = new PrintStream(shown, true, StandardCharsets.UTF_8);
    private long seconds;
    private String signal;

    /** What so many batches of 10 images show, each of which takes so many seconds. */
    private List<String> lines(int batches, int each) {
        Progress progress = new Progress(out, () -> seconds * 1_000_000_000L);
        Pace pace = new Pace(progress, "evaluation", () -> signal).expect(60).expect(40);
        for (int i = 0; i < batches; i++) {
            pace.batch(10);
            seconds += each;
        }
        progress.clear();
        return shown.toString(StandardCharsets.UTF_8).lines().toList();
    }

    @Test
    void shortWorkShowsNothing() {
        assertEquals(List.of(), lines(6, 1));
    }

    @Test
    void longWorkShowsRateAndTimeLeftEveryTenSecondsInALog() {
        assertEquals(
                List.of(
                        "evaluation 20/100  2.5 images/s  ETA 0:32",
                        "evaluation 50/100  2.5 images/s  ETA 0:20",
                        "evaluation 80/100  2.5 images/s  ETA 0:08"),
                lines(10, 4));
    }

    @Test
    void aSignalEndsItBeforeTheNextBatch() {
        Pace pace = new Pace(new Progress(out), "evaluation", () -> signal).expect(20);
        pace.batch(10);
        pace.check();
        signal = "SIGTERM";
        assertEquals(
                "SIGTERM",
                assertThrows(CancellationException.class, () -> pace.batch(10)).getMessage());
        assertThrows(CancellationException.class, pace::check);
    }
}
