package sdae.report;

import java.awt.image.BufferedImage;
import java.util.List;

/**
 * Pictures of the page with their words.
 *
 * @param title a few words
 * @param caption what is seen and how to read it
 * @param sheet the pictures
 * @param alt what the pictures show, for those who do not see them
 */
public record Figure(String title, String caption, Sheet sheet, String alt) {

    /** A figure of one picture. */
    public Figure(String title, String caption, BufferedImage image, String alt) {
        this(title, caption, Sheet.of("", List.of(image)), alt);
    }
}
