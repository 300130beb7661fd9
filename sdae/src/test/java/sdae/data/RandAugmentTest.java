package sdae.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.zip.CRC32;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import sdae.tensor.Philox;

class RandAugmentTest {
    private static final int WIDTH = 13;
    private static final int HEIGHT = 11;
    private static final int[] FILL = {125, 123, 114};
    private static final float[] MEAN = {0.485f, 0.456f, 0.406f};

    private static RawImage picture() {
        byte[] pixels = new byte[WIDTH * HEIGHT * 3];
        int i = 0;
        for (int y = 0; y < HEIGHT; y++) {
            for (int x = 0; x < WIDTH; x++) {
                for (int c = 0; c < 3; c++) {
                    pixels[i++] = (byte) (x * x * 7 + y * 13 + c * 59 + x * y * 3 % 31);
                }
            }
        }
        return new RawImage(WIDTH, HEIGHT, 3, pixels);
    }

    /** CRC-32 of what Pillow 9.4 makes of the same picture: python3-pil of Debian 12, run once. */
    @TestFactory
    List<DynamicTest> everyOperationGivesPillowsBytes() {
        Map<String, UnaryOperator<RawImage>> ops = new LinkedHashMap<>();
        ops.put("f71da133 autoContrast", im -> ColourOps.autoContrast(ColourOps.map(im, v -> 40 + v / 3)));
        ops.put("031aabf9 equalize", ColourOps::equalize);
        ops.put("a30200ff invert", ColourOps::invert);
        ops.put("0cbd44d8 posterize", im -> ColourOps.posterize(im, 1));
        ops.put("62de596e posterize to nothing", im -> ColourOps.posterize(im, 0));
        ops.put("a27b8f83 solarize", im -> ColourOps.solarize(im, 77));
        ops.put("5b4eeb41 solarizeAdd", im -> ColourOps.solarizeAdd(im, 99));
        ops.put("fb3af93d more colour", im -> ColourOps.colour(im, 1.7));
        ops.put("d72930a0 less colour", im -> ColourOps.colour(im, 0.3));
        ops.put("b9514f7a contrast", im -> ColourOps.contrast(im, 1.7));
        ops.put("b886f9a4 brightness", im -> ColourOps.brightness(im, 0.4));
        ops.put("ff2a2cb8 sharper", im -> ColourOps.sharpness(im, 1.8));
        ops.put("997f3d81 smoother", im -> ColourOps.sharpness(im, 0.2));
        ops.put("79d753a7 rotate", im -> AffineOps.rotate(im, 27, FILL));
        ops.put("49faeefc shearX", im -> AffineOps.shearX(im, 0.27, FILL));
        ops.put("b81896aa shearY", im -> AffineOps.shearY(im, -0.27, FILL));
        ops.put("a5b76ebf translateX", im -> AffineOps.translateX(im, 0.4, FILL));
        ops.put("e8dd1ec3 translateY", im -> AffineOps.translateY(im, -0.4, FILL));
        List<DynamicTest> tests = new ArrayList<>();
        ops.forEach((name, op) -> tests.add(DynamicTest.dynamicTest(name.substring(9), () -> {
            CRC32 crc = new CRC32();
            crc.update(op.apply(picture()).pixels());
            assertEquals(name.substring(0, 8), String.format("%08x", crc.getValue()));
        })));
        return tests;
    }

    @Test
    void magnitudesMeanMoreAndGreyImagesPass() {
        RandAugment policy = RandAugment.of("rand-m9-mstd0.5-inc1", MEAN);
        RawImage none = picture();
        for (int op : new int[] {3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}) {
            Philox random = new Philox(1, Philox.Purpose.CROP, 0, op);
            assertArrayEquals(none.pixels(), policy.apply(none, op, 0, random).pixels(), "magnitude 0 of " + op);
        }
        RawImage grey = picture().withChannels(1);
        RandAugment ofGrey = RandAugment.of("rand-m9-inc1", new float[] {0.5f});
        for (int op = 0; op < 15; op++) {
            Philox random = new Philox(1, Philox.Purpose.CROP, 0, op);
            assertEquals(1, ofGrey.apply(grey, op, 0.9, random).channels());
        }
    }

    @Test
    void halfOfTheOperationsAreApplied() {
        RandAugment policy = RandAugment.of("rand-m9-mstd0.5-inc1", MEAN);
        RawImage image = picture();
        int untouched = 0;
        for (int id = 0; id < 2000; id++) {
            RawImage result = policy.apply(image, new Philox(3, Philox.Purpose.CROP, 0, id));
            untouched += result.pixels() == image.pixels() ? 1 : 0; // the same array: no operation made a new one
        }
        assertEquals(0.25, untouched / 2000.0, 0.03); // both left out
    }

    @Test
    void unknownPoliciesAreRefused() {
        assertNull(RandAugment.of("none", MEAN));
        for (String text : List.of("rand", "rand-m9", "rand-m9-mstd0.5", "augmix-m5", "")) {
            assertTrue(assertThrows(IllegalArgumentException.class, () -> RandAugment.of(text, MEAN))
                    .getMessage()
                    .contains("rand-m9-mstd0.5-inc1"));
        }
    }

    @Test
    void anImageIsAugmentedByItsOwnNumbersAloneAndErasedInABox() {
        Normalization norm = new Normalization(MEAN, new float[] {0.2f, 0.2f, 0.2f});
        RandomResizedCrop whole = new RandomResizedCrop(HEIGHT, WIDTH, norm, 1, 1, 1, 1, 0);
        FinetuneAugment plain = new FinetuneAugment(whole, norm, "none", 0);
        FinetuneAugment erased = new FinetuneAugment(whole, norm, "none", 1);
        FinetuneAugment all = new FinetuneAugment(whole, norm, "rand-m9-mstd0.5-inc1", 0.5);
        float[] base = new float[plain.outputSize()];
        float[] box = new float[plain.outputSize()];
        plain.apply(picture(), base, 0, new Philox(5, Philox.Purpose.CROP, 2, 7));
        erased.apply(picture(), box, 0, new Philox(5, Philox.Purpose.CROP, 2, 7));
        int changed = 0;
        for (int i = 0; i < base.length; i++) {
            changed += base[i] == box[i] ? 0 : 1;
        }
        double share = changed / (double) base.length;
        assertTrue(share > 0.005 && share < 0.45, "erased " + share);
        float[] first = new float[base.length];
        float[] again = new float[base.length];
        float[] other = new float[base.length];
        all.apply(picture(), first, 0, new Philox(5, Philox.Purpose.CROP, 2, 8));
        all.apply(picture(), again, 0, new Philox(5, Philox.Purpose.CROP, 2, 8));
        all.apply(picture(), other, 0, new Philox(5, Philox.Purpose.CROP, 3, 8));
        assertArrayEquals(first, again);
        assertNotEquals(sum(first), sum(other));
    }

    private static double sum(float[] values) {
        double sum = 0;
        for (float v : values) {
            sum += v;
        }
        return sum;
    }
}
