package sdae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CsvLogTest {
    @TempDir
    Path folder;

    private Path file;

    @BeforeEach
    void place() {
        file = folder.resolve("metrics.csv");
    }

    private CsvLog open(long resumeStep) throws IOException {
        return CsvLog.open(Disk.real(), file, List.of("loss", "note"), resumeStep);
    }

    @Test
    void rowsAreInTheFileAtOnceAndCellsAreQuoted() throws IOException {
        try (CsvLog log = open(-1)) {
            assertEquals(-1, log.lastStep());
            log.append(1, 0.5, null);
            assertEquals("step,loss,note\n1,0.5,\n", Files.readString(file));
            log.append(2, 0.25f, "a,\"b\"");
            assertEquals("step,loss,note\n1,0.5,\n2,0.25,\"a,\"\"b\"\"\"\n", Files.readString(file));
        }
    }

    @Test
    void resumeDropsLaterRowsAndHalfALastLine() throws IOException {
        Files.writeString(file, "step,loss,note\n1,0.5,é\n2,0.4,\n3,0.3,\n2");
        try (CsvLog log = open(2)) {
            assertEquals(2, log.lastStep());
            log.append(3, 0.35, null);
            assertEquals(3, log.lastStep());
        }
        assertEquals("step,loss,note\n1,0.5,é\n2,0.4,\n3,0.35,\n", Files.readString(file));
    }

    @Test
    void everyCutOfTheFileResumesToItsWholeRows() throws IOException {
        String whole = "step,loss,note\n1,0.5,a\n2,0.4,b\n";
        for (int cut = 0; cut <= whole.length(); cut++) {
            Files.writeString(file, whole.substring(0, cut));
            open(2).close();
            String rows = whole.substring(0, whole.lastIndexOf('\n', cut - 1) + 1);
            assertEquals(rows.isEmpty() ? "step,loss,note\n" : rows, Files.readString(file), "cut at " + cut);
        }
    }

    @Test
    void rowsOfTooFewCellsOrWithoutAStepAreDropped() throws IOException {
        Files.writeString(file, "step,loss,note\n1,0.5,a\n2\n,,\nx,1,2\n\0\0\0\n2,0.4,b\n");
        try (CsvLog log = open(5)) {
            assertEquals(2, log.lastStep());
        }
        assertEquals("step,loss,note\n1,0.5,a\n2,0.4,b\n", Files.readString(file));
    }

    @Test
    void otherColumnsAreRefusedAndTheFileIsKept() throws IOException {
        Files.writeString(file, "step,loss\n1,0.5\n");
        UserError error = assertThrows(UserError.class, () -> open(1));
        assertEquals(ExitCode.DISK, error.code());
        assertTrue(error.getMessage().contains("its columns are step,loss, this version writes step,loss,note"));
        assertEquals("step,loss\n1,0.5\n", Files.readString(file));
    }

    @Test
    void wrongRowsAreRefused() throws IOException {
        try (CsvLog log = open(-1)) {
            assertThrows(IllegalArgumentException.class, () -> log.append(1, 0.5));
            assertThrows(IllegalArgumentException.class, () -> log.append(1, 0.5, "two\nlines"));
        }
        assertEquals("step,loss,note\n", Files.readString(file));
    }
}
