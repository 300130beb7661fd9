package sdae.study;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StudyTableTest {
    @TempDir
    Path folder;

    /** Seeds differ by tens of points, arms by one: only pairs can show it. A seed that one arm lacks takes no part. */
    @Test
    void differencesAreTakenAtEqualSeeds() throws IOException {
        double[][] values = {{0.20, 0.50, 0.80, 0.10}, {0.21, 0.512, 0.808}};
        List<Arm> arms = List.of(arm("first"), arm("second"));
        List<Cell> cells = new ArrayList<>();
        Map<Cell, CellRecord> records = new HashMap<>();
        for (int a = 0; a < 2; a++) {
            for (int s = 0; s < values[a].length; s++) {
                Path own = folder.resolve(arms.get(a).name()).resolve("seed-" + s);
                Cell cell = new Cell(Cell.Kind.SCRATCH, arms.get(a).name(), s, own, null, null);
                CellRecord record = CellRecord.of(cell);
                record.put(Figure.of("student", "knn", values[a][s]));
                record.save(cell, null, 1);
                cells.add(cell);
                records.put(cell, CellRecord.of(cell));
            }
        }
        StudyFile file = new StudyFile(
                "t", List.of(0L, 1L, 2L, 3L), List.of(), List.of(), arms, List.of(Probe.KNN), false, false);
        String text = new StudyTable(file, cells, records).markdown();
        // differences 1.0, 1.2, 0.8: deviation 0.2, times t(2) = 4.302653 over sqrt 3
        assertTrue(text.contains("| second | student | **+1.00** [+0.50, +1.50] |"), text);
        // 20, 50, 80, 10: deviation 31.62, times t(3) = 3.182446 over 2
        assertTrue(text.contains("| first | student | 40.00 ± 50.32 (20.00, 50.00, 80.00, 10.00) |"), text);
        records.get(cells.get(6)).save(cells.get(6), "the loss is NaN | at step 4", 1);
        String failed = new StudyTable(file, cells, records).markdown();
        assertTrue(failed.contains("| second, seed 2 | the loss is NaN \\| at step 4 |"), failed);
        assertTrue(failed.contains("| second | student | +1.10 [-0.17, +2.37] |"), failed);
        assertFalse(failed.contains("80.80"), failed);
    }

    private static Arm arm(String name) {
        return new Arm(name, List.of(), true, List.of());
    }
}
