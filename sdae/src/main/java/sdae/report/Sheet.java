package sdae.report;

import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.util.List;

/**
 * Rows of pictures, each row with a caption; column i of every row belongs to the same image. The captions are set by the
 * page, not drawn: a headless Java often has no font, and the page's own text stays sharp, readable aloud and follows its
 * colours.
 */
public record Sheet(List<Row> rows) {
    /** Pixels between two tiles. */
    private static final int GAP = 6;

    /** A caption and the tiles beside it, all of one size. */
    public record Row(String caption, List<BufferedImage> tiles) {
        /** Checks and copies the tiles. */
        public Row {
            tiles = List.copyOf(tiles);
            if (tiles.isEmpty()) {
                throw new IllegalArgumentException("sheet: row '" + caption + "' must hold a picture, but is empty");
            }
            int width = tiles.get(0).getWidth();
            int height = tiles.get(0).getHeight();
            for (BufferedImage tile : tiles) {
                if (tile.getWidth() != width || tile.getHeight() != height) {
                    throw new IllegalArgumentException("sheet: row '" + caption + "' must hold pictures of [" + height
                            + ", " + width + "], but one is [" + tile.getHeight() + ", " + tile.getWidth() + "]");
                }
            }
        }

        /** The row as one picture with transparent gaps. */
        public BufferedImage strip() {
            int width = tiles.get(0).getWidth();
            int height = tiles.get(0).getHeight();
            BufferedImage strip =
                    new BufferedImage(tiles.size() * (width + GAP) - GAP, height, BufferedImage.TYPE_INT_ARGB);
            Graphics2D graphics = strip.createGraphics();
            for (int i = 0; i < tiles.size(); i++) {
                graphics.drawImage(tiles.get(i), i * (width + GAP), 0, null);
            }
            graphics.dispose();
            return strip;
        }
    }

    /** Copies the rows. */
    public Sheet {
        rows = List.copyOf(rows);
        if (rows.isEmpty()) {
            throw new IllegalArgumentException("sheet: rows must hold at least one row, but are empty");
        }
    }

    /** A sheet of one row. */
    public static Sheet of(String caption, List<BufferedImage> tiles) {
        return new Sheet(List.of(new Row(caption, tiles)));
    }

    /** This sheet with the rows of {@code below} under it. */
    public Sheet above(Sheet below) {
        return new Sheet(java.util.stream.Stream.concat(rows.stream(), below.rows.stream())
                .toList());
    }

    /** All rows as one picture, without captions and with transparent gaps. */
    public BufferedImage picture() {
        List<BufferedImage> strips = rows.stream().map(Row::strip).toList();
        int width = strips.stream().mapToInt(BufferedImage::getWidth).max().orElseThrow();
        int height = strips.stream().mapToInt(strip -> strip.getHeight() + GAP).sum() - GAP;
        BufferedImage picture = new BufferedImage(width, height, BufferedImage.TYPE_INT_ARGB);
        Graphics2D graphics = picture.createGraphics();
        int top = 0;
        for (BufferedImage strip : strips) {
            graphics.drawImage(strip, 0, top, null);
            top += strip.getHeight() + GAP;
        }
        graphics.dispose();
        return picture;
    }
}
