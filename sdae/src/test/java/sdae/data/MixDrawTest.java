package sdae.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import sdae.tensor.Philox;

class MixDrawTest {
    private static final int DRAWS = 4000;

    private static Philox random(int id) {
        return new Philox(9, Philox.Purpose.MIX, 0, id);
    }

    /** Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)). */
    @Test
    void betaHasItsMoments() {
        for (double a : new double[] {0.2, 0.8, 1, 3}) {
            double sum = 0;
            double squares = 0;
            for (int i = 0; i < DRAWS; i++) {
                double x = MixDraw.beta(a, random(i));
                assertTrue(x >= 0 && x <= 1);
                sum += x;
                squares += (x - 0.5) * (x - 0.5);
            }
            assertEquals(0.5, sum / DRAWS, 0.02, "mean of " + a);
            assertEquals(1 / (4 * (2 * a + 1)), squares / DRAWS, 0.01, "variance of " + a);
        }
    }

    @Test
    void kindsComeAsOftenAsAsked() {
        int cut = 0;
        int none = 0;
        for (int i = 0; i < DRAWS; i++) {
            MixDraw draw = MixDraw.of(new MixDraw.Policy(0.8, 1, 0.7, 0.25), 32, 48, random(i));
            none += draw.lambda() == 1 && draw.box() == null ? 1 : 0;
            cut += draw.box() != null ? 1 : 0;
            if (draw.box() != null) {
                assertEquals(draw.box().lambda(32, 48), draw.lambda());
            }
        }
        assertEquals(0.3, none / (double) DRAWS, 0.03);
        assertEquals(0.7 * 0.25, cut / (double) DRAWS, 0.03);
    }

    @Test
    void anAlphaOfZeroSwitchesItsKindOff() {
        for (int i = 0; i < 200; i++) {
            assertNull(MixDraw.of(new MixDraw.Policy(0.8, 0, 1, 0.5), 8, 8, random(i))
                    .box());
            assertTrue(
                    MixDraw.of(new MixDraw.Policy(0, 1, 1, 0), 8, 8, random(i)).box() != null);
            assertEquals(new MixDraw(1, null), MixDraw.of(new MixDraw.Policy(0, 0, 1, 0.5), 8, 8, random(i)));
        }
        float[] images = {1, 2, 3, 4};
        new MixDraw(1, null).apply(images, 2, 1, 2);
        assertArrayEquals(new float[] {1, 2, 3, 4}, images);
    }

    @Test
    void theProbesCropStaysInsideAndIsSometimesCutToTheImage() {
        int cut = 0;
        for (int i = 0; i < 500; i++) {
            Resample.Box box = ProbeCrop.box(40, 20, new Philox(1, Philox.Purpose.CROP, 0, i));
            assertTrue(box.x() >= 0 && box.y() >= 0 && box.x() + box.width() <= 40 && box.y() + box.height() <= 20);
            cut += box.height() == 20 ? 1 : 0;
        }
        assertTrue(cut > 100, cut + " boxes as high as the image");
    }
}
