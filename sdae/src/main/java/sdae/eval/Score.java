package sdae.eval;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.commons.math3.stat.interval.ConfidenceInterval;
import org.apache.commons.math3.stat.interval.WilsonScoreInterval;

/**
 * What a classifier got right: {@code confusion[label][prediction]} counts, and how often the label was among the five best.
 * Equal scores go to the smaller class; a label whose score is not a number is never right.
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record Score(int[][] confusion, int amongFive) {
    private static final double LEVEL = 0.95;
    private static final int FIVE = 5;

    /** Of scores [labels.length, classes]. */
    public static Score of(float[] scores, int[] labels, int classes) {
        int[][] confusion = new int[classes][classes];
        int amongFive = 0;
        for (int i = 0; i < labels.length; i++) {
            int at = i * classes;
            int best = -1;
            int before = 0;
            float own = scores[at + labels[i]];
            for (int c = 0; c < classes; c++) {
                float s = scores[at + c];
                best = !Float.isNaN(s) && (best < 0 || s > scores[at + best]) ? c : best;
                before += s > own || (s == own && c < labels[i]) ? 1 : 0;
            }
            // all not a number: any wrong class will do
            confusion[labels[i]][best < 0 ? (labels[i] + 1) % classes : best]++;
            amongFive += before < FIVE && !Float.isNaN(own) ? 1 : 0;
        }
        return new Score(confusion, amongFive);
    }

    /** Images classified. */
    public int count() {
        int count = 0;
        for (int c = 0; c < confusion.length; c++) {
            count += ofClass(c);
        }
        return count;
    }

    /** Images of a class. */
    public int ofClass(int c) {
        int count = 0;
        for (int n : confusion[c]) {
            count += n;
        }
        return count;
    }

    /** Images predicted to be of a class. */
    public int predicted(int c) {
        int count = 0;
        for (int[] row : confusion) {
            count += row[c];
        }
        return count;
    }

    private int right() {
        int right = 0;
        for (int c = 0; c < confusion.length; c++) {
            right += confusion[c][c];
        }
        return right;
    }

    public double top1() {
        return right() / (double) count();
    }

    public double top5() {
        return amongFive / (double) count();
    }

    /** Lower and upper end of the 95 % Wilson interval (Wilson 1927) of the top-1 accuracy: the chance of the test sample only. */
    public double[] interval() {
        return interval(right(), count());
    }

    /** The same of any share. */
    public static double[] interval(int right, int of) {
        ConfidenceInterval interval = new WilsonScoreInterval().createInterval(of, right, LEVEL);
        return new double[] {interval.getLowerBound(), interval.getUpperBound()};
    }

    /** {@code 61.23 % [60.1, 62.3]}. */
    public String text() {
        double[] ends = interval();
        return String.format(Locale.ROOT, "%.2f %% [%.1f, %.1f]", 100 * top1(), 100 * ends[0], 100 * ends[1]);
    }

    /** For a summary.json of which this is one result among others. */
    public Map<String, Object> json() {
        Map<String, Object> json = accuracies();
        json.put("images", count());
        return json;
    }

    /** The same without the count. */
    public Map<String, Object> accuracies() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("top1", top1());
        json.put("top1_interval95", interval());
        json.put("top5", top5());
        json.put("top5_interval95", interval(amongFive, count()));
        return json;
    }

    /** One line a class: images, recall with interval, precision, and the class it is most often taken for. */
    public String table(List<String> classes) {
        StringBuilder table = new StringBuilder(String.format(
                Locale.ROOT, "%-20s %7s  %-22s %9s  %s%n", "class", "images", "recall", "precision", "mistaken for"));
        for (int c = 0; c < confusion.length; c++) {
            int of = ofClass(c);
            int rival = -1;
            for (int p = 0; p < confusion.length; p++) {
                rival = p != c && confusion[c][p] > (rival < 0 ? 0 : confusion[c][rival]) ? p : rival;
            }
            double[] ends = of == 0 ? new double[] {0, 1} : interval(confusion[c][c], of);
            table.append(String.format(
                    Locale.ROOT,
                    "%-20s %7d  %6.2f %% [%4.1f, %5.1f] %8.2f %%  %s%n",
                    sdae.io.Printable.of(classes.get(c)),
                    of,
                    of == 0 ? Double.NaN : 100.0 * confusion[c][c] / of,
                    100 * ends[0],
                    100 * ends[1],
                    predicted(c) == 0 ? Double.NaN : 100.0 * confusion[c][c] / predicted(c),
                    rival < 0 ? "" : sdae.io.Printable.of(classes.get(rival)) + " " + confusion[c][rival]));
        }
        return table.toString();
    }

    /** The counts, a line a label, for a file. */
    public String csv(List<String> classes) {
        StringBuilder csv = new StringBuilder("label");
        classes.forEach(name -> csv.append(',').append(quoted(name)));
        for (int c = 0; c < confusion.length; c++) {
            csv.append('\n').append(quoted(classes.get(c)));
            for (int n : confusion[c]) {
                csv.append(',').append(n);
            }
        }
        return csv.append('\n').toString();
    }

    private static String quoted(String name) {
        return name.matches("[^,\"\\n\\r]*") ? name : '"' + name.replace("\"", "\"\"") + '"';
    }
}
