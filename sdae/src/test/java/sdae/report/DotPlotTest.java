package sdae.report;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class DotPlotTest {
    private static final Pattern LABEL = Pattern.compile("<text x=\"([0-9.]+)\"[^>]*class=\"end\"");

    /** Where labels end. */
    private static double end(String label) {
        DotPlot plot = new DotPlot("accuracy").row(label, 0, new double[] {1, 2}, 1.5, 0.1);
        Matcher found = LABEL.matcher(DotPlot.svg(List.of(plot)));
        assertTrue(found.find());
        return Double.parseDouble(found.group(1));
    }

    @Test
    void labelsHaveRoomButNeverMoreThanHalfOfThePicture() {
        String label = "scratch with layer decay, scratch";
        assertTrue(end(label) >= 6.5 * label.length(), "ends at " + end(label));
        assertTrue(end("x".repeat(200)) <= 320);
    }
}
