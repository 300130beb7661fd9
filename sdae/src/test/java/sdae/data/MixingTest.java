package sdae.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class MixingTest {
    @Test
    void boxIsCutOffAtTheEdgesAndItsLambdaIsTheTrueArea() {
        // sides int(32 sqrt(.6)) = 24, so 12 to each side of (26, 14)
        Mixing.Box box = Mixing.Box.of(32, 32, 0.4, 26, 14);
        assertEquals(new Mixing.Box(14, 32, 2, 26), box);
        assertEquals(1 - 18 * 24 / 1024.0, box.lambda(32, 32));
    }

    @Test
    void oddSidesLoseAPixelAsTheHalvesAreWholeNumbers() {
        // int(10 sqrt(.5)) = 7, half of it 3
        assertEquals(new Mixing.Box(2, 8, 2, 8), Mixing.Box.of(10, 10, 0.5, 5, 5));
    }

    @Test
    void lambdaOneMixesNothing() {
        Mixing.Box box = Mixing.Box.of(8, 8, 1, 4, 4);
        assertEquals(1, box.lambda(8, 8));
        float[] images = {1, 2, 3, 4};
        Mixing.cutmix(images, 2, 1, 2, Mixing.Box.of(1, 2, 1, 0, 1));
        Mixing.mixup(images, 2, 1);
        assertArrayEquals(new float[] {1, 2, 3, 4}, images);
        assertArrayEquals(new float[] {0, 1, 1, 0}, Mixing.targets(new int[] {1, 0}, 2, 0, 1));
    }

    @Test
    void partnerIsTheImageAtTheSamePlaceFromTheEnd() {
        float[] images = {10, 20, 30, 40};
        Mixing.mixup(images, 4, 0.75);
        assertArrayEquals(new float[] {17.5f, 22.5f, 27.5f, 32.5f}, images);
        float[] cut = {10, 20, 30, 40};
        Mixing.cutmix(cut, 2, 1, 2, new Mixing.Box(0, 1, 1, 2));
        assertArrayEquals(new float[] {10, 40, 30, 20}, cut);
    }

    @Test
    void labelsAreSmoothedThenMixed() {
        float[] targets = Mixing.targets(new int[] {0, 1}, 4, 0.2, 0.75);
        // off .05, on .85: .75 * .85 + .25 * .05 and the reverse
        assertArrayEquals(new float[] {0.65f, 0.25f, 0.05f, 0.05f, 0.25f, 0.65f, 0.05f, 0.05f}, targets, 1e-7f);
    }

    @Test
    void errorsNameTheArgument() {
        assertEquals(
                "targets: a label must be in 0..9, but is 10",
                assertThrows(IllegalArgumentException.class, () -> Mixing.targets(new int[] {10}, 10, 0, 1))
                        .getMessage());
        assertEquals(
                "mixup: lambda must be in [0, 1], but is 1.5",
                assertThrows(IllegalArgumentException.class, () -> Mixing.mixup(new float[4], 2, 1.5))
                        .getMessage());
        assertThrows(IllegalArgumentException.class, () -> Mixing.mixup(new float[5], 2, 1));
        assertThrows(
                IllegalArgumentException.class, () -> Mixing.cutmix(new float[8], 2, 2, 2, new Mixing.Box(0, 3, 0, 1)));
    }
}
