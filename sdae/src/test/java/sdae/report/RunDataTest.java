package sdae.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDataTest {
    @TempDir
    Path folder;

    @Test
    void readsAWholeRunAndLeavesOutTheHalfLastLine() throws Exception {
        RunData run = RunData.read(FakeRun.write(folder.resolve("run"), "sdae", 1));
        assertEquals("run", run.name());
        assertEquals(2800, run.metrics().rows());
        assertEquals("0.75", run.config().get("mask.ratio"));
        assertEquals("[0.9, 0.95]", run.config().get("optim.betas"));
        assertEquals("avx512", run.summary().get("machine.isa"));
        assertEquals(716800, run.number("images"));
        assertEquals(List.of(), run.notes());
    }

    @Test
    void lastLineWithoutItsEndIsLeftOutEvenWhenItLooksWhole() throws Exception {
        metrics("step,loss\n1,0.5\n2,0.4");
        assertEquals(1, RunData.read(folder).metrics().rows());
    }

    @Test
    void brokenLineInTheMiddleIsLeftOut() throws Exception {
        metrics("step,loss,lr\n1,0.5,1\n2,0\n2,0.4,1\n");
        assertEquals(2, RunData.read(folder).metrics().rows());
    }

    @Test
    void rowsAfterAResumeReplaceTheOnesBefore() throws Exception {
        metrics("step,loss\n1,0.5\n2,0.4\n3,0.3\n2,0.45\n3,0.35\n4,0.25\n");
        Points points = RunData.read(folder).metrics().points("step", "loss");
        assertEquals(4, points.size());
        assertEquals(0.45, points.y(1));
    }

    @Test
    void emptyFieldIsNoPointAndNaNIsOne() throws Exception {
        metrics("step,loss\n1,0.5\n2,\n3,nan\n4,-Infinity\n5,junk\n6,0.25\n");
        Points points = RunData.read(folder).metrics().points("step", "loss");
        assertEquals(4, points.size());
        assertEquals(
                List.of(0.5, 0.25),
                java.util.Arrays.stream(points.sortedValues())
                        .boxed()
                        .sorted(java.util.Comparator.reverseOrder())
                        .toList());
    }

    @Test
    void headerOnlyAndMissingFilesAreAnEmptyRun() throws Exception {
        metrics("step,loss\n");
        RunData run = RunData.read(folder);
        assertEquals(0, run.metrics().rows());
        assertEquals(0, run.evals().rows());
        assertTrue(run.config().isEmpty());
        HtmlReport.write(folder.resolve("report.html"), List.of(run), List.of());
    }

    @Test
    void unreadableFilesAreNamed() throws Exception {
        Files.writeString(folder.resolve("summary.json"), "{\"steps\": 3, \"ima");
        Files.writeString(folder.resolve("config.yaml"), "a: [1, 2\nb: }");
        metrics("step,loss\n1,\"0.5\n");
        RunData run = RunData.read(folder);
        assertEquals(3, run.notes().size(), run.notes().toString());
        assertTrue(run.notes().get(0).startsWith("config.yaml could not be read: "));
    }

    @Test
    void folderThatIsNoRunIsRefused() {
        String message = assertThrows(NoSuchFileException.class, () -> RunData.read(folder))
                .getMessage();
        assertTrue(message.contains("not a run folder"), message);
        assertThrows(NoSuchFileException.class, () -> RunData.read(folder.resolve("none")));
    }

    @Test
    void runsOfOneNameAreToldApart() throws Exception {
        metrics("step,loss\n");
        for (String parent : List.of("a", "b")) {
            Path run = Files.createDirectories(folder.resolve(parent).resolve("run"));
            Files.writeString(run.resolve("metrics.csv"), "step\n");
        }
        RunData a = RunData.read(folder.resolve("a/run"));
        RunData b = RunData.read(folder.resolve("b/run"));
        assertEquals(
                List.of("a/run", "b/run", "a/run (2)"),
                Run.of(List.of(a, b, a)).stream().map(Run::label).toList());
    }

    @Test
    void imagesOfATestAreNoImagesSeen() throws Exception {
        for (String summary : List.of(
                "{\"images\": 56, \"top1\": 0.5, \"test_images\": 14}",
                "{\"images\": 56}",
                "{\"images\": 14, \"top1\": 0.5}")) {
            Files.writeString(folder.resolve("summary.json"), summary);
            Run run = Run.of(List.of(RunData.read(folder))).get(0);
            assertEquals(summary.contains("56") ? 56 : Double.NaN, run.imagesSeen(), summary);
        }
    }

    private void metrics(String text) throws Exception {
        Files.writeString(folder.resolve("metrics.csv"), text);
    }
}
