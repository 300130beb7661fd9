package sdae.study;

/**
 * One measured value of a cell.
 *
 * @param of whose: pixels, untrained, student, teacher, scratch, or training for what the run itself logged
 * @param measure a {@link Probe}'s word, or a column of evals.csv
 * @param low lower end of the 95 % interval over the test images; NaN where there is none
 */
record Figure(String of, String measure, double value, double low, double high) {
    static Figure of(String of, String measure, double value) {
        return new Figure(of, measure, value, Double.NaN, Double.NaN);
    }
}
