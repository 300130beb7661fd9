package sdae.report;

import java.math.BigDecimal;
import java.math.RoundingMode;

/** A linear axis from {@code low} to {@code high} with a tick every {@code step} (1, 2 or 5 times a power of ten). */
record Axis(double low, double high, double step) {

    /** An axis that holds [min, max], with about {@code ticks} ticks; sound for equal, reversed and non-finite bounds. */
    static Axis of(double min, double max, int ticks) {
        if (!Double.isFinite(min) || !Double.isFinite(max) || max < min) {
            return of(0, 1, ticks);
        }
        if (max - min <= 1e-9 * Math.max(Math.abs(min), Math.abs(max)) || max == min) {
            double room = min == 0 ? 1 : 0.05 * Math.abs(min);
            return of(min == 0 ? 0 : min - room, max + room, ticks);
        }
        double rough = (max - min) / ticks;
        double power = Math.pow(10, Math.floor(Math.log10(rough)));
        double lead = rough / power;
        double step = (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
        return new Axis(min, max, step);
    }

    /** An axis for curves: a little air above and below. */
    static Axis padded(double min, double max, int ticks) {
        double air = 0.06 * (max - min);
        double low = min >= 0 && min - air < 0 ? Math.max(0, min - air) : min - air;
        return of(low, max + air, ticks);
    }

    /** Where {@code value} lies when low is at {@code from} and high at {@code to}. */
    double place(double value, double from, double to) {
        return from + (value - low) / (high - low) * (to - from);
    }

    /** The ticks inside the axis. */
    double[] ticks() {
        long first = (long) Math.ceil(low / step - 1e-9);
        long last = (long) Math.floor(high / step + 1e-9);
        return java.util.stream.LongStream.rangeClosed(first, last)
                .mapToDouble(i -> i * step)
                .toArray();
    }

    /** A tick's label: as many decimals as the step needs, k and M for thousands and millions. */
    String label(double tick) {
        double size = Math.max(Math.abs(low), Math.abs(high));
        if (size >= 2e6) {
            return tick == 0 ? "0" : decimal(tick / 1e6, step / 1e6) + "M";
        }
        if (size >= 10_000) {
            return tick == 0 ? "0" : decimal(tick / 1e3, step / 1e3) + "k";
        }
        if (size < 1e-3) {
            int exponent = (int) Math.floor(Math.log10(size));
            double unit = Math.pow(10, exponent);
            return tick == 0 ? "0" : decimal(tick / unit, step / unit) + "e" + exponent;
        }
        return decimal(tick, step);
    }

    private static String decimal(double value, double step) {
        if (value == 0) {
            return "0";
        }
        int decimals = Math.max(0, (int) Math.ceil(-Math.log10(step) - 1e-9));
        return BigDecimal.valueOf(value)
                .setScale(decimals, RoundingMode.HALF_EVEN)
                .toPlainString()
                .replace('-', '−');
    }
}
