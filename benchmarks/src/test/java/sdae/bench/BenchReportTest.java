package sdae.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;
import sdae.report.Numbers;

class BenchReportTest {
    private static final Limits LIMITS = new Limits(100, Double.NaN, 20);
    private static final Case GELU = Cases.of("GELU_FORWARD", "VIT_B_HIDDEN", "F32");

    private static Result result(Case timed, String implementation, double seconds) {
        double[] rounds = new double[9];
        Arrays.fill(rounds, seconds);
        return new Result(timed, implementation, "cpu", 2, new double[][] {rounds});
    }

    private static ResultFile file(Result... results) {
        return new ResultFile(Map.of("cpu", "some <cpu>", "commit", "abc123"), LIMITS, List.of(results));
    }

    private static Document parse(String page) throws Exception {
        String xml = page.substring(page.indexOf("<html"));
        return DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new InputSource(new StringReader(xml)));
    }

    private static List<List<String>> rows(Document page) {
        NodeList tables = page.getElementsByTagName("table");
        List<List<String>> rows = new ArrayList<>();
        for (int t = 0; t < tables.getLength(); t++) {
            Element table = (Element) tables.item(t);
            NodeList lines = table.getElementsByTagName("tr");
            for (int r = 0; table.getAttribute("class").equals("numbers") && r < lines.getLength(); r++) {
                List<String> cells = new ArrayList<>();
                NodeList children = lines.item(r).getChildNodes();
                for (int c = 0; c < children.getLength(); c++) {
                    cells.add(children.item(c).getTextContent());
                }
                rows.add(cells);
            }
        }
        return rows;
    }

    @Test
    void tableHoldsTheFiguresOfBothResults() throws Exception {
        Document page = parse(BenchReport.page(file(result(GELU, "sdae", 2e-3), result(GELU, "other", 3e-3)), null));
        List<List<String>> rows = rows(page);
        assertEquals(3, rows.size());
        double gigabytes = GELU.bytes() / 2e-3 / 1e9;
        double gigaflops = GELU.flops() / 2e-3 / 1e9;
        assertEquals(
                List.of(
                        "gelu fwd VIT_B_HIDDEN",
                        "f32",
                        "sdae",
                        "2",
                        "2,000",
                        Numbers.format(gigabytes),
                        Numbers.format(gigaflops),
                        Numbers.percent(gigaflops / 100),
                        Numbers.percent(gigabytes / 20),
                        "–",
                        "–",
                        "1.50× [1.50, 1.50]"),
                rows.get(1));
        assertEquals("3,000", rows.get(2).get(4));
        assertEquals("–", rows.get(2).get(11));
        String text = page.getDocumentElement().getTextContent();
        assertTrue(text.contains("some <cpu>") && text.contains("abc123"), text);
        assertTrue(text.contains("100 GFLOP/s") && text.contains("20 GB/s"), text);
    }

    @Test
    void everyResultWithFlopsIsAPointAtItsPlaceUnderTwoRoofs() throws Exception {
        Case order = Cases.matching("mask order", "cpu").get(0);
        assertEquals(0, order.flops());
        Document page = parse(BenchReport.page(
                file(result(GELU, "sdae", 2e-3), result(GELU, "other", 2e-2), result(order, "sdae", 1e-3)), null));
        NodeList circles = page.getElementsByTagName("circle");
        assertEquals(2, circles.getLength());
        Element ours = (Element) circles.item(0);
        Element other = (Element) circles.item(1);
        assertTrue(ours.getTextContent().startsWith(GELU.name() + ", sdae: "), ours.getTextContent());
        assertFalse(ours.getAttribute("class").equals(other.getAttribute("class")));
        assertEquals(ours.getAttribute("cx"), other.getAttribute("cx"));
        // ten times slower: one decade lower, as far as from one line of the grid to the next
        double decade = gridStep(page);
        assertEquals(
                decade,
                Double.parseDouble(other.getAttribute("cy")) - Double.parseDouble(ours.getAttribute("cy")),
                0.02);
        NodeList paths = page.getElementsByTagName("path");
        int roofs = 0;
        for (int i = 0; i < paths.getLength(); i++) {
            roofs += ((Element) paths.item(i)).getAttribute("class").contains("roof") ? 1 : 0;
        }
        assertEquals(2, roofs);
    }

    private static double gridStep(Document page) {
        NodeList paths = page.getElementsByTagName("path");
        double[] heights = new double[2];
        for (int i = 0, seen = 0; i < paths.getLength() && seen < 2; i++) {
            Element path = (Element) paths.item(i);
            String d = path.getAttribute("d");
            if (path.getAttribute("class").equals("grid") && d.contains("H")) {
                heights[seen++] = Double.parseDouble(d.substring(d.indexOf(' ') + 1, d.indexOf('H')));
            }
        }
        return heights[0] - heights[1];
    }

    @Test
    void nothingIsFetched() {
        String page = BenchReport.page(file(result(GELU, "sdae", 2e-3)), null)
                .replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for (String reference : List.of("http:", "https:", "src=", "href=", "url(", "@import")) {
            assertFalse(page.contains(reference), reference);
        }
    }

    @Test
    void againstGivesTheEarlierMedianOverThisOne(@TempDir Path folder) throws Exception {
        Path old = folder.resolve("old.json");
        file(result(GELU, "other", 9e-3), result(GELU, "sdae", 5e-3)).write(old);
        ResultFile now = file(result(GELU, "sdae", 2e-3), result(GELU, "new", 1e-3));
        Path out = BenchReport.beside(folder.resolve("now.json"));
        BenchReport.write(out, now, ResultFile.read(old));
        assertEquals("now.html", out.getFileName().toString());
        List<List<String>> rows = rows(parse(Files.readString(out)));
        int last = rows.get(0).size() - 1;
        assertEquals("earlier / now", rows.get(0).get(last));
        assertEquals("2.50×", rows.get(1).get(last));
        assertEquals("–", rows.get(2).get(last));
    }
}
