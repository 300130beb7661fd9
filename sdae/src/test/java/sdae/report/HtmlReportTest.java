package sdae.report;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.xml.sax.InputSource;

class HtmlReportTest {
    @TempDir
    Path folder;

    @Test
    void pageOfOneRunIsWellFormedAndHoldsEverySection() throws Exception {
        Document page = report(FakePictures.figures(), FakeRun.write(folder.resolve("first"), "sdae", 1));
        assertEquals(
                List.of(
                        "overview",
                        "knn",
                        "collapse",
                        "pictures",
                        "training",
                        "others",
                        "profile",
                        "config",
                        "machine"),
                elements(page, "section").map(e -> e.getAttribute("id")).toList());
        // kNN bars; kNN by step and by time; 6 of collapse; loss and 5 more of training; one unknown column.
        assertEquals(1 + 2 + 6 + 6 + 1, charts(page).count());
        assertEquals(9, elements(page, "img").count());
    }

    @Test
    void everythingIsInsideTheFile() throws Exception {
        Document page = report(FakePictures.figures(), FakeRun.write(folder.resolve("first"), "sdae", 1));
        assertEquals(
                0, elements(page, "link").count() + elements(page, "iframe").count());
        assertTrue(elements(page, "script").allMatch(e -> e.getAttribute("src").isEmpty()));
        assertTrue(elements(page, "img").allMatch(e -> e.getAttribute("src").startsWith("data:image/png;base64,")));
        String text = Files.readString(folder.resolve("report.html"));
        assertFalse(text.replace("http://www.w3.org/2000/svg", "").contains("http://"));
        assertFalse(text.contains("https://"));
        assertFalse(text.contains("@import"));
    }

    @Test
    void everyPictureAndChartHasWords() throws Exception {
        Document page = report(FakePictures.figures(), FakeRun.write(folder.resolve("first"), "sdae", 1));
        assertTrue(elements(page, "img").allMatch(e -> e.getAttribute("alt").length() > 10));
        assertTrue(charts(page).allMatch(e -> e.getAttribute("aria-label").length() > 10));
        assertTrue(elements(page, "path")
                .filter(e -> e.getAttribute("class").contains("line ") && e.hasAttribute("data-name"))
                .allMatch(e -> e.getElementsByTagName("title").getLength() == 1));
    }

    @Test
    void curvesStayInsideTheirPlot() throws Exception {
        Document page = report(List.of(), FakeRun.write(folder.resolve("first"), "sdae", 1));
        elements(page, "path").filter(e -> e.hasAttribute("data-name")).forEach(path -> {
            double[] at = Stream.of(path.getAttribute("d")
                            .replaceAll("[ML]", " ")
                            .trim()
                            .split("\\s+"))
                    .mapToDouble(Double::parseDouble)
                    .toArray();
            for (int i = 0; i < at.length; i += 2) {
                assertTrue(at[i] >= 56 && at[i] <= 468, () -> "x in " + path.getAttribute("class"));
                assertTrue(at[i + 1] >= 6 && at[i + 1] <= 214, () -> "y in " + path.getAttribute("class"));
            }
        });
    }

    @Test
    void severalRunsShareChartsKeepTheirColoursAndShowWhatDiffers() throws Exception {
        Document page = report(
                List.of(),
                FakeRun.write(folder.resolve("one"), "sdae", 1),
                FakeRun.write(folder.resolve("two"), "mae", 1));
        assertTrue(text(page).contains("2 runs"));
        assertEquals(
                List.of("objective"),
                elements(page, "tr")
                        .filter(e -> e.getAttribute("class").equals("differs") && inside(e, "config"))
                        .map(e -> e.getElementsByTagName("th").item(0).getTextContent())
                        .toList());
        // The losses of two objectives get a chart each, and the second run keeps its colour in its own.
        assertTrue(text(page).contains("Loss, sdae") && text(page).contains("Loss, mae"));
        assertTrue(elements(page, "path")
                .filter(e -> e.getAttribute("data-name").equals("two"))
                .allMatch(e -> e.getAttribute("class").endsWith("s1")));
    }

    @Test
    void hostileNamesAreText() throws Exception {
        String evil = "<script>alert(1)</script>\"'&";
        Path run = FakeRun.write(folder.resolve("<script>alert(1)<script>\"'&"), "sdae", 1);
        Files.writeString(
                run.resolve("config.yaml"), "objective: '<script>x</script>'\n\"<b>&key\": \"]]> --> \\0\"\n");
        Files.writeString(run.resolve("metrics.csv"), "step,loss,\"<img src=x onerror=alert(1)>\"\n1,0.5,1\n2,0.4,2\n");
        Files.writeString(run.resolve("summary.json"), "{\"</style><script>\": \"" + "<svg onload=x>" + "\"}");
        Figure figure = new Figure(evil, evil, FakePictures.images().image(0), evil);
        Document page = report(List.of(figure), run);
        assertEquals(1, elements(page, "script").count());
        assertEquals(1, elements(page, "img").count());
        assertEquals(evil, elements(page, "img").findFirst().orElseThrow().getAttribute("alt"));
        assertTrue(text(page).contains("<img src=x onerror=alert(1)>"));
        assertTrue(text(page).contains("]]> --> \uFFFD"));
    }

    @Test
    void nonFiniteLossIsMarkedAndBreaksTheCurve() throws Exception {
        Path run = Files.createDirectory(folder.resolve("diverged"));
        Files.writeString(run.resolve("metrics.csv"), "step,loss\n1,0.5\n2,NaN\n3,-inf\n4,0.4\n5,\n6,0.3\n");
        Document page = report(List.of(), run);
        Element curve = elements(page, "path")
                .filter(e -> e.hasAttribute("data-name"))
                .findFirst()
                .orElseThrow();
        assertEquals(2, curve.getAttribute("d").chars().filter(c -> c == 'M').count(), "a gap for NaN, none for empty");
        List<Element> marks = elements(page, "text")
                .filter(e -> e.getAttribute("class").equals("bad"))
                .toList();
        assertEquals(1, marks.size());
        assertTrue(marks.get(0).getTextContent().contains("not finite at step 2"));
    }

    @Test
    void curveWithoutAFiniteValueIsLeftOut() throws Exception {
        Path run = Files.createDirectory(folder.resolve("dead"));
        Files.writeString(run.resolve("metrics.csv"), "step,loss,lr\n1,NaN,0.1\n2,NaN,0.1\n");
        Document page = report(List.of(), run);
        assertEquals(
                List.of("Learning rate"),
                elements(page, "figcaption")
                        .map(e -> e.getElementsByTagName("strong").item(0).getTextContent())
                        .toList());
        assertFalse(Files.readString(folder.resolve("report.html")).contains("NaN"));
    }

    @Test
    void collapsedTargetsAreCalledOut() throws Exception {
        Document page = report(List.of(), FakeRun.write(folder.resolve("first"), "sdae", 1));
        List<String> warned = elements(page, "p")
                .map(Element::getTextContent)
                .filter(text -> text.contains("collapse?"))
                .toList();
        assertEquals(1, warned.size());
        assertTrue(warned.get(0).startsWith("first 0.61, last 0.07"), warned.get(0));
    }

    @Test
    void samePageTwiceIsTheSameBytes() throws Exception {
        RunData run = RunData.read(FakeRun.write(folder.resolve("first"), "sdae", 1));
        HtmlReport.write(folder.resolve("a.html"), List.of(run), FakePictures.figures());
        HtmlReport.write(folder.resolve("b.html"), List.of(run), FakePictures.figures());
        assertArrayEquals(Files.readAllBytes(folder.resolve("a.html")), Files.readAllBytes(folder.resolve("b.html")));
        try (Stream<Path> files = Files.list(folder)) {
            assertEquals(3, files.count(), "no temporary file is left");
        }
    }

    @Test
    void noRunIsRefused() {
        assertThrows(
                IllegalArgumentException.class, () -> HtmlReport.write(folder.resolve("a.html"), List.of(), List.of()));
    }

    private Document report(List<Figure> figures, Path... runs) throws Exception {
        Path out = folder.resolve("report.html");
        List<RunData> read = new java.util.ArrayList<>();
        for (Path run : runs) {
            read.add(RunData.read(run));
        }
        HtmlReport.write(out, read, figures);
        return DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new InputSource(new StringReader(Files.readString(out))));
    }

    private static Stream<Element> charts(Document page) {
        return elements(page, "svg").filter(e -> e.getAttribute("role").equals("img"));
    }

    private static boolean inside(Element element, String id) {
        for (org.w3c.dom.Node node = element; node instanceof Element e; node = node.getParentNode()) {
            if (e.getAttribute("id").equals(id)) {
                return true;
            }
        }
        return false;
    }

    private static String text(Document page) {
        return page.getDocumentElement().getTextContent();
    }

    private static Stream<Element> elements(Document page, String tag) {
        var nodes = page.getElementsByTagName(tag);
        return IntStream.range(0, nodes.getLength()).mapToObj(i -> (Element) nodes.item(i));
    }
}
