package sdae.report;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;

/**
 * A confusion matrix as a picture: row = label, column = prediction, shade = share of the row, with the share in per cent where
 * the cells are large enough. Digits are drawn from dots: a headless Java often has no font.
 */
public final class ConfusionPicture {
    private static final int LARGEST = 900;
    private static final int MARGIN = 24;
    private static final int LEGIBLE = 26;
    /** 3 x 5 dots a digit, row by row from the top left. */
    private static final String[] DIGITS = {
        "111101101101111", "010110010010111", "111001111100111", "111001111001111", "101101111001001",
        "111100111001111", "111100111101111", "111001001001001", "111101111101111", "111101111001111"
    };

    private ConfusionPicture() {}

    /** counts[label][prediction], square. */
    public static BufferedImage draw(int[][] counts) {
        int classes = counts.length;
        int cell = Math.max(1, Math.min(36, (LARGEST - MARGIN) / classes));
        int size = MARGIN + cell * classes;
        BufferedImage picture = new BufferedImage(size, size, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        graphics.setColor(Color.WHITE);
        graphics.fillRect(0, 0, size, size);
        for (int label = 0; label < classes; label++) {
            long of = 0;
            for (int n : counts[label]) {
                of += n;
            }
            for (int predicted = 0; predicted < classes; predicted++) {
                double share = of == 0 ? 0 : (double) counts[label][predicted] / of;
                int x = MARGIN + predicted * cell;
                int y = MARGIN + label * cell;
                graphics.setColor(shade(share, label == predicted));
                graphics.fillRect(x, y, cell > 3 ? cell - 1 : cell, cell > 3 ? cell - 1 : cell);
                int percent = (int) Math.round(100 * share);
                if (cell >= LEGIBLE && percent > 0) {
                    graphics.setColor(share > 0.5 ? Color.WHITE : Color.BLACK);
                    number(graphics, percent, x + (cell - 1) / 2, y + (cell - 1) / 2, 2);
                }
            }
            if (cell >= 12) {
                graphics.setColor(Color.DARK_GRAY);
                number(graphics, label, MARGIN / 2, MARGIN + label * cell + cell / 2, 1);
                number(graphics, label, MARGIN + label * cell + cell / 2, MARGIN / 2, 1);
            }
        }
        graphics.dispose();
        return picture;
    }

    /** White to blue on the diagonal, white to red off it; the square root lifts rare confusions out of the white. */
    private static Color shade(double share, boolean right) {
        float depth = (float) Math.sqrt(share);
        Color full = right ? new Color(0x14508C) : new Color(0xA61E22);
        return new Color(
                1 + depth * (full.getRed() / 255f - 1),
                1 + depth * (full.getGreen() / 255f - 1),
                1 + depth * (full.getBlue() / 255f - 1));
    }

    private static void number(Graphics2D graphics, int value, int centreX, int centreY, int dot) {
        String text = Integer.toString(value);
        int left = centreX - (4 * text.length() - 1) * dot / 2;
        int top = centreY - 5 * dot / 2;
        for (int i = 0; i < text.length(); i++) {
            String dots = DIGITS[text.charAt(i) - '0'];
            for (int d = 0; d < dots.length(); d++) {
                if (dots.charAt(d) == '1') {
                    graphics.fillRect(left + (4 * i + d % 3) * dot, top + d / 3 * dot, dot, dot);
                }
            }
        }
    }
}
