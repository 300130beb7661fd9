package sdae.nn;

import sdae.tensor.Checks;

/** Position tables [1+rows*cols, width], the class token's row first. */
public final class Positions {
    private static final double CUBIC = -0.75;

    private Positions() {}

    /**
     * The fixed 2-D sin-cos table of MAE: row 0 is zero; the first half of the channels encodes the column, the second the
     * row, each as sines then cosines of position * 10000^(-j/(width/4)). Computed in double.
     *
     * @throws IllegalArgumentException when 4 does not divide width
     */
    public static float[] sinCos(int rows, int cols, int width) {
        Checks.that(width % 4 == 0, "positions", "the width must be a multiple of 4, but is " + width);
        float[] table = new float[(1 + rows * cols) * width];
        int quarter = width / 4;
        for (int token = 0; token < rows * cols; token++) {
            int at = (1 + token) * width;
            int gridColumn = token % cols;
            int gridRow = token / cols;
            for (int j = 0; j < quarter; j++) {
                double frequency = 1 / Math.pow(10000, (double) j / quarter);
                double column = gridColumn * frequency;
                double row = gridRow * frequency;
                table[at + j] = (float) Math.sin(column);
                table[at + quarter + j] = (float) Math.cos(column);
                table[at + 2 * quarter + j] = (float) Math.sin(row);
                table[at + 3 * quarter + j] = (float) Math.cos(row);
            }
        }
        return table;
    }

    /**
     * Another grid by bicubic interpolation (a = -0.75, half-pixel centres, edges clamped, not widened when shrinking, as
     * PyTorch's {@code interpolate(mode="bicubic", align_corners=False)}); the class row is copied.
     */
    public static float[] resize(float[] table, int rows, int cols, int newRows, int newCols, int width) {
        Checks.that(
                table.length == (1 + rows * cols) * width,
                "positions",
                "a table of " + rows + "x" + cols + " positions and width " + width + " has "
                        + (1 + rows * cols) * width + " values, but got " + table.length);
        float[] resized = new float[(1 + newRows * newCols) * width];
        System.arraycopy(table, 0, resized, 0, width);
        double[] columnWeights = new double[4];
        double[] rowWeights = new double[4];
        for (int r = 0; r < newRows; r++) {
            int firstRow = weights(r, newRows, rows, rowWeights);
            for (int c = 0; c < newCols; c++) {
                int firstColumn = weights(c, newCols, cols, columnWeights);
                int at = (1 + r * newCols + c) * width;
                for (int d = 0; d < width; d++) {
                    double sum = 0;
                    for (int i = 0; i < 4; i++) {
                        int row = Math.min(Math.max(firstRow + i, 0), rows - 1);
                        for (int j = 0; j < 4; j++) {
                            int column = Math.min(Math.max(firstColumn + j, 0), cols - 1);
                            sum += rowWeights[i] * columnWeights[j] * table[(1 + row * cols + column) * width + d];
                        }
                    }
                    resized[at + d] = (float) sum;
                }
            }
        }
        return resized;
    }

    /** Weights of the four source positions around target position {@code to}; returns the first of them. */
    private static int weights(int to, int newSize, int size, double[] weights) {
        double centre = (to + 0.5) * size / newSize - 0.5;
        int floor = (int) Math.floor(centre);
        double t = centre - floor;
        weights[0] = outer(1 + t);
        weights[1] = inner(t);
        weights[2] = inner(1 - t);
        weights[3] = outer(2 - t);
        return floor - 1;
    }

    /** Keys' cubic for distances up to 1. */
    private static double inner(double x) {
        return ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1;
    }

    /** Keys' cubic for distances from 1 to 2. */
    private static double outer(double x) {
        return ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC;
    }
}
