package sdae.nn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class SchedulesTest {
    private static final double EXACT = 1e-15;

    @Test
    void warmupStartsAtZeroMeetsThePeakAndEndsAtTheMinimum() {
        assertEquals(0, Schedules.warmupCosine(0, 0.8, 0.1, 5, 20));
        assertEquals(0.8, Schedules.warmupCosine(5, 0.8, 0.1, 5, 5), "a run that is all warm-up");
        assertEquals(0.4, Schedules.warmupCosine(2.5, 0.8, 0.1, 5, 20), EXACT);
        assertEquals(0.8, Schedules.warmupCosine(5, 0.8, 0.1, 5, 20), EXACT);
        assertEquals(0.8, Schedules.warmupCosine(Math.nextDown(5.0), 0.8, 0.1, 5, 20), EXACT);
        assertEquals(0.45, Schedules.warmupCosine(12.5, 0.8, 0.1, 5, 20), EXACT);
        assertEquals(0.1, Schedules.warmupCosine(20, 0.8, 0.1, 5, 20), EXACT);
    }

    @Test
    void withoutWarmupTheFirstStepHasThePeak() {
        assertEquals(0.8, Schedules.warmupCosine(0, 0.8, 0.1, 0, 20));
    }

    @Test
    void warmupThatLastsTheWholeRunNeverReachesTheCosine() {
        assertEquals(0.8 * 9.5 / 10, Schedules.warmupCosine(9.5, 0.8, 0.1, 10, 10), EXACT);
    }

    @Test
    void learningRateFallsFromThePeakOn() {
        double last = 1;
        for (double epoch = 5; epoch <= 20; epoch += 0.125) {
            double lr = Schedules.warmupCosine(epoch, 0.8, 0, 5, 20);
            assertTrue(lr >= 0 && lr < last, "at " + epoch);
            last = lr;
        }
    }

    @Test
    void cosineRunsFromStartToEnd() {
        assertEquals(0.96, Schedules.cosine(0, 0.96, 0.99), EXACT);
        assertEquals(0.975, Schedules.cosine(0.5, 0.96, 0.99), EXACT);
        assertEquals(0.99, Schedules.cosine(1, 0.96, 0.99), EXACT);
        assertEquals(0.5, Schedules.cosine(0.3, 0.5, 0.5), EXACT);
    }

    @Test
    void momentumWarmupIncludesBothEndsAndTheLastEntryStaysBelowTheEnd() {
        double[] table = Schedules.momentum(0.9, 1, 8, 4, 0.6);
        assertArrayEquals(new double[] {0.6, 0.7, 0.8, 0.9}, java.util.Arrays.copyOf(table, 4), 1e-12);
        assertEquals(0.9, table[4], EXACT);
        assertTrue(table[7] < 1);
        assertArrayEquals(new double[] {0.6}, Schedules.momentum(0.9, 1, 1, 1, 0.6));
        assertArrayEquals(new double[] {0.6, 0.9}, Schedules.momentum(0.9, 1, 2, 2, 0.6), 1e-12);
        assertEquals(0, Schedules.momentum(0.9, 1, 0, 0, 0).length);
    }

    @Test
    void halfLifeIsTheNumberOfUpdatesThatForgetHalf() {
        double left = 1;
        double momentum = Schedules.halfLifeMomentum(250);
        for (int i = 0; i < 250; i++) {
            left *= momentum;
        }
        assertEquals(0.5, left, 1e-12);
    }

    @Test
    void layersOfAVisionTransformerByName() {
        for (String name : new String[] {"cls_token", "pos_embed", "patch_embed.proj.weight"}) {
            assertEquals(0, Schedules.layer(name, 12), name);
        }
        assertEquals(1, Schedules.layer("blocks.0.norm1.weight", 12));
        assertEquals(12, Schedules.layer("blocks.11.mlp.fc2.bias", 12));
        for (String name : new String[] {"norm.weight", "fc_norm.bias", "head.weight"}) {
            assertEquals(13, Schedules.layer(name, 12), name);
        }
        assertEquals(1, Schedules.layerScale(13, 12, 0.65));
        assertEquals(0.65, Schedules.layerScale(12, 12, 0.65));
        assertEquals(Math.pow(0.65, 13), Schedules.layerScale(0, 12, 0.65), EXACT);
        assertEquals(1, Schedules.layerScale(0, 12, 1));
    }

    @Test
    void dropPathRisesFromNothingToItsRate() {
        assertEquals(0, Schedules.dropPath(0, 12, 0.25));
        assertEquals(0.25, Schedules.dropPath(11, 12, 0.25), EXACT);
        assertEquals(0, Schedules.dropPath(0, 1, 0.25));
    }
}
