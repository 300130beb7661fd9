package sdae.eval;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;

/**
 * Minimises a smooth, strictly convex function by the limited-memory BFGS method (Nocedal 1980; Nocedal and Wright 2006,
 * algorithm 7.4). Of such a function every step has s.y &gt; 0, so halving the step until it descends enough (Armijo) will do.
 */
final class Lbfgs {
    private static final int MEMORY = 10;
    private static final int HALVINGS = 40;
    private static final double ARMIJO = 1e-4;
    /** A descent below the rounding of the value itself cannot be seen. */
    private static final double ROUNDING = 1e-15;

    /** What is minimised. */
    interface Function {
        /** The value at x; writes the gradient. */
        double at(double[] x, double[] gradient);

        /** In place: v becomes the product of v and something near the inverse Hessian, symmetric and positive definite. */
        void precondition(double[] v);
    }

    /**
     * Where it ended.
     *
     * @param gradient largest absolute component there
     * @param evaluations of the function
     */
    record Result(double value, double gradient, int iterations, int evaluations, boolean converged) {}

    private record Pair(double[] s, double[] y, double inverse) {}

    private Lbfgs() {}

    /** Moves x to the minimum: until no component of the gradient is above {@code tolerance}. */
    static Result minimise(Function function, double[] x, double tolerance, int iterations) {
        double[] g = new double[x.length];
        double value = function.at(x, g);
        int evaluations = 1;
        Deque<Pair> pairs = new ArrayDeque<>();
        int done = 0;
        while (done < iterations && largest(g) > tolerance) {
            double[] direction = direction(function, g, pairs);
            double slope = dot(direction, g);
            double[] next = new double[x.length];
            double[] nextG = new double[x.length];
            double nextValue = Double.NaN;
            boolean descends = false;
            double step = 1;
            for (int h = 0; h < HALVINGS && !descends; h++, step /= 2) {
                for (int i = 0; i < x.length; i++) {
                    next[i] = x[i] + step * direction[i];
                }
                nextValue = function.at(next, nextG);
                evaluations++;
                descends = nextValue <= value + ARMIJO * step * slope + ROUNDING * Math.abs(value);
            }
            if (!descends) {
                break;
            }
            remember(pairs, x, next, g, nextG);
            System.arraycopy(next, 0, x, 0, x.length);
            System.arraycopy(nextG, 0, g, 0, g.length);
            value = nextValue;
            done++;
        }
        double left = largest(g);
        return new Result(value, left, done, evaluations, left <= tolerance);
    }

    private static void remember(Deque<Pair> pairs, double[] x, double[] next, double[] g, double[] nextG) {
        double[] s = minus(next, x);
        double[] y = minus(nextG, g);
        double curvature = dot(s, y);
        if (curvature > 0) { // 0 only by rounding
            if (pairs.size() == MEMORY) {
                pairs.removeFirst();
            }
            pairs.addLast(new Pair(s, y, 1 / curvature));
        }
    }

    /** -H g by the two loops; H begins as the preconditioner, scaled to the newest curvature. */
    private static double[] direction(Function function, double[] g, Deque<Pair> pairs) {
        double[] q = g.clone();
        double[] alphas = new double[pairs.size()];
        int i = pairs.size();
        for (Iterator<Pair> newestFirst = pairs.descendingIterator(); newestFirst.hasNext(); ) {
            Pair pair = newestFirst.next();
            alphas[--i] = pair.inverse * dot(pair.s, q);
            add(q, -alphas[i], pair.y);
        }
        double scale = 1;
        if (!pairs.isEmpty()) {
            Pair newest = pairs.getLast();
            double[] py = newest.y.clone();
            function.precondition(py);
            scale = 1 / (newest.inverse * dot(newest.y, py));
        }
        function.precondition(q);
        for (int j = 0; j < q.length; j++) {
            q[j] *= scale;
        }
        for (Pair pair : pairs) {
            add(q, alphas[i++] - pair.inverse * dot(pair.y, q), pair.s);
        }
        for (int j = 0; j < q.length; j++) {
            q[j] = -q[j];
        }
        return q;
    }

    private static double largest(double[] g) {
        double largest = 0;
        for (double v : g) {
            largest = Math.max(largest, Math.abs(v));
        }
        return largest;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += a[i] * b[i];
        }
        return sum;
    }

    private static void add(double[] to, double factor, double[] from) {
        for (int i = 0; i < to.length; i++) {
            to[i] += factor * from[i];
        }
    }

    private static double[] minus(double[] a, double[] b) {
        double[] difference = new double[a.length];
        for (int i = 0; i < a.length; i++) {
            difference[i] = a[i] - b[i];
        }
        return difference;
    }
}
