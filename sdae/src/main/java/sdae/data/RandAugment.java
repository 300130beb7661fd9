package sdae.data;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import sdae.tensor.Philox;

/**
 * RandAugment (Cubuk et al. 2020, arXiv:1909.13719) as timm 0.3.2 reads {@code rand-m9-mstd0.5-inc1}: two operations, drawn
 * with replacement from 15, each applied half of the time with a magnitude m ~ N(9, .5) cut to 0..10 that always means "more".
 */
final class RandAugment {
    private static final Pattern TEXT = Pattern.compile("rand-m(\\d{1,2}(?:\\.\\d+)?)(?:-mstd(\\d*\\.?\\d+))?-inc1");
    private static final int OPS = 15;
    private static final int DRAWN = 2;
    private static final double MOST = 10;

    private final double magnitude;
    private final double deviation;
    private final int[] fill;

    /** Or null for "none". @throws IllegalArgumentException for another text. {@code mean}: fills what moves into the image. */
    static RandAugment of(String text, float[] mean) {
        if (text.equals("none")) {
            return null;
        }
        Matcher m = TEXT.matcher(text);
        if (!m.matches()) {
            throw new IllegalArgumentException("must be none or as rand-m9-mstd0.5-inc1, but is '" + text + "'");
        }
        int[] fill = new int[mean.length];
        for (int c = 0; c < fill.length; c++) {
            fill[c] = Math.max(0, Math.min(255, (int) Math.rint(255.0 * mean[c])));
        }
        double deviation = m.group(2) == null ? 0 : Double.parseDouble(m.group(2));
        return new RandAugment(Double.parseDouble(m.group(1)), deviation, fill);
    }

    private RandAugment(double magnitude, double deviation, int[] fill) {
        this.magnitude = magnitude;
        this.deviation = deviation;
        this.fill = fill;
    }

    RawImage apply(RawImage image, Philox random) {
        int[] ops = new int[DRAWN];
        for (int i = 0; i < DRAWN; i++) {
            ops[i] = random.below(OPS);
        }
        RawImage result = image;
        for (int op : ops) {
            if (random.uniform() < 0.5) {
                double m = magnitude + (deviation > 0 ? deviation * random.gaussian() : 0);
                result = apply(result, op, Math.max(0, Math.min(MOST, m)) / MOST, random);
            }
        }
        return result;
    }

    /** {@code m}: 0..1. */
    RawImage apply(RawImage image, int op, double m, Philox random) {
        return switch (op) {
            case 0 -> ColourOps.autoContrast(image);
            case 1 -> ColourOps.equalize(image);
            case 2 -> ColourOps.invert(image);
            case 3 -> AffineOps.rotate(image, signed(30 * m, random), fill);
            case 4 -> ColourOps.posterize(image, 4 - (int) (4 * m));
            case 5 -> ColourOps.solarize(image, 256 - (int) (256 * m));
            case 6 -> ColourOps.solarizeAdd(image, (int) (110 * m));
            case 7 -> ColourOps.colour(image, 1 + signed(0.9 * m, random));
            case 8 -> ColourOps.contrast(image, 1 + signed(0.9 * m, random));
            case 9 -> ColourOps.brightness(image, 1 + signed(0.9 * m, random));
            case 10 -> ColourOps.sharpness(image, 1 + signed(0.9 * m, random));
            case 11 -> AffineOps.shearX(image, signed(0.3 * m, random), fill);
            case 12 -> AffineOps.shearY(image, signed(0.3 * m, random), fill);
            case 13 -> AffineOps.translateX(image, signed(0.45 * m, random), fill);
            default -> AffineOps.translateY(image, signed(0.45 * m, random), fill);
        };
    }

    private static double signed(double value, Philox random) {
        return random.uniform() < 0.5 ? value : -value;
    }
}
