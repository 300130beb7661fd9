package sdae.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.util.List;
import org.junit.jupiter.api.Test;
import sdae.report.ConfusionPicture;

class ScoreTest {
    @Test
    void countsTopOneTopFiveAndConfusion() {
        float[] scores = {
            3, 1, 2, 0, 0, 0, 0, // right
            3, 4, 2, 9, 8, 7, 6, // label 0 is sixth
            1, 1, 1, 1, 1, 1, 1, // a tie goes to class 0
            Float.NaN, Float.NaN, Float.NaN, Float.NaN, Float.NaN, Float.NaN, Float.NaN
        };
        Score score = Score.of(scores, new int[] {0, 0, 6, 2}, 7);
        assertEquals(0.25, score.top1());
        assertEquals(0.25, score.top5());
        assertEquals(1, score.confusion()[0][3]);
        assertEquals(1, score.confusion()[6][0]);
        assertEquals(1, score.confusion()[2][3]); // no number is ever right
        assertEquals(2, score.ofClass(0));
        assertEquals(2, score.predicted(3));
    }

    /** Wilson 1927 in its closed form. */
    @Test
    void theIntervalIsWilsons() {
        double z = 1.959963984540054;
        for (int[] c : new int[][] {{61, 100}, {0, 50}, {50, 50}, {4321, 10000}}) {
            double n = c[1];
            double p = c[0] / n;
            double centre = (p + z * z / (2 * n)) / (1 + z * z / n);
            double half = z / (1 + z * z / n) * Math.sqrt(p * (1 - p) / n + z * z / (4 * n * n));
            assertArrayEquals(new double[] {centre - half, centre + half}, Score.interval(c[0], c[1]), 1e-9);
        }
    }

    @Test
    void tableAndCsvNameTheClasses() {
        Score score = new Score(new int[][] {{3, 1}, {0, 4}}, 8);
        String table = score.table(List.of("cat", "dog"));
        assertTrue(table.contains("cat") && table.contains("75.00 %") && table.contains("dog 1"), table);
        assertEquals("label,\"a,b\",c\n\"a,b\",3,1\nc,0,4\n", score.csv(List.of("a,b", "c")));
    }

    @Test
    void thePictureShadesTheRowsShares() {
        BufferedImage picture = ConfusionPicture.draw(new int[][] {{9, 0}, {5, 5}});
        int right = picture.getRGB(24 + 2, 24 + 2);
        int never = picture.getRGB(24 + 36 + 2, 24 + 2);
        int wrong = picture.getRGB(24 + 2, 24 + 36 + 2);
        assertEquals(0xff14508c, right);
        assertEquals(0xffffffff, never);
        assertTrue((wrong >> 16 & 255) > (wrong & 255), "mistakes are red: " + Integer.toHexString(wrong));
        assertTrue(ConfusionPicture.draw(new int[1000][1000]).getWidth() > 1000);
    }
}
