package sdae.study;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class IntervalTest {
    /** Student's own sleep data (1908, Biometrika 6): extra hours by two drugs on ten patients, difference by patient. */
    private static final double[] FIRST = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};

    private static final double[] SECOND = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};

    @Test
    void pairedDifferencesOfStudentsOwnSample() {
        double[] differences = new double[10];
        for (int i = 0; i < 10; i++) {
            differences[i] = SECOND[i] - FIRST[i];
        }
        Interval interval = Interval.of(differences);
        assertEquals(1.58, interval.mean(), 1e-12);
        // R 4: t.test(extra ~ group, sleep, paired = TRUE)
        assertEquals(0.7001142, interval.low(), 1e-6);
        assertEquals(2.4598858, interval.high(), 1e-6);
    }

    /** t .975 with 2 degrees of freedom is 4.302653; deviation 1, three values. */
    @Test
    void threeValues() {
        Interval interval = Interval.of(1, 2, 3);
        assertEquals(2, interval.mean(), 1e-15);
        assertEquals(4.302653 / Math.sqrt(3), interval.half(), 1e-6);
    }

    @Test
    void oneValueHasNoInterval() {
        Interval interval = Interval.of(7);
        assertEquals(7, interval.mean());
        assertTrue(Double.isNaN(interval.half()));
    }

    @Test
    void equalValuesHaveAnIntervalOfNoWidth() {
        assertEquals(0, Interval.of(0.5, 0.5, 0.5).half());
    }
}
