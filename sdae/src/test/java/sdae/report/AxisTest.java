package sdae.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class AxisTest {
    @Test
    void labelsHaveTheDigitsTheyNeed() {
        assertEquals(List.of("0", "500", "1000", "1500", "2000", "2500"), labels(0, 2800, 6));
        assertEquals(List.of("0.996", "0.997", "0.998", "0.999", "1.000"), labels(0.996, 1, 5));
        assertEquals(List.of("0", "2e-5", "4e-5", "6e-5", "8e-5"), labels(0, 8e-5, 5));
        assertEquals(List.of("0", "50k", "100k"), labels(0, 100_000, 3));
        assertEquals(List.of("−1.0", "−0.5", "0", "0.5", "1.0"), labels(-1, 1, 5));
    }

    @Test
    void oddBoundsStillGiveAnAxis() {
        for (double[] bounds :
                new double[][] {{0, 0}, {3, 3}, {Double.NaN, 1}, {2, 1}, {-1e30, 1e30}, {1e-300, 2e-300}}) {
            Axis axis = Axis.padded(bounds[0], bounds[1], 5);
            assertTrue(axis.high() > axis.low(), Arrays.toString(bounds));
            int ticks = axis.ticks().length;
            assertTrue(ticks >= 2 && ticks <= 12, Arrays.toString(bounds) + " has ticks: " + ticks);
        }
    }

    @Test
    void numbersReadWell() {
        assertEquals("12,345", Numbers.format(12345.4));
        assertEquals("0.2431", Numbers.format(0.24310));
        assertEquals("1.5e-5", Numbers.format(1.5e-5));
        assertEquals("−3", Numbers.format(-3));
        assertEquals("0", Numbers.format(0));
        assertEquals("–", Numbers.format(Double.NaN));
        assertEquals("3\u00a0min\u00a001\u00a0s", Numbers.time(181.4));
        assertEquals("1.2\u00a0GiB", Numbers.bytes(1288490188));
        assertEquals("84.6\u00a0%", Numbers.percent(0.846));
    }

    @Test
    void thinningKeepsPeaksAndGaps() {
        double[] x = new double[10_000];
        double[] y = new double[10_000];
        Arrays.setAll(x, i -> i);
        Arrays.setAll(y, i -> Math.sin(i * 0.01));
        y[4321] = 9;
        y[7000] = Double.NaN;
        Points thin = new Points(x, y).thin(500);
        assertTrue(thin.size() <= 504, "points: " + thin.size());
        assertEquals(9, Arrays.stream(thin.sortedValues()).max().orElseThrow());
        assertEquals(thin.size() - 1, thin.sortedValues().length);
    }

    @Test
    void smoothingKeepsALineAndItsEndsAndDropsASpike() {
        double[] x = new double[1001];
        Arrays.setAll(x, i -> i);
        double[] y = x.clone();
        y[500] = 1e9;
        y[700] = Double.NaN;
        Points line = new Points(x, y).smooth(10, 200);
        assertEquals(201, line.size());
        for (int i = 3; i < 198; i++) {
            assertEquals(line.x(i) == 700 ? Double.NaN : line.x(i), line.y(i), 1);
        }
        assertEquals(5, line.y(0), "the ends take what there is");
        assertEquals(995, line.y(200));
    }

    private static List<String> labels(double low, double high, int ticks) {
        Axis axis = Axis.of(low, high, ticks);
        return Arrays.stream(axis.ticks()).mapToObj(axis::label).toList();
    }
}
