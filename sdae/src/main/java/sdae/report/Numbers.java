package sdae.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;

/** Numbers as a reader likes them: not cut from their unit at a line's end, and the same whatever the machine's language. */
public final class Numbers {
    private static final String MISSING = "–";

    private Numbers() {}

    /** Four significant digits, thousands apart, a power of ten below 1e-4; a dash for NaN. */
    public static String format(double value) {
        if (!Double.isFinite(value)) {
            return Double.isNaN(value) ? MISSING : value > 0 ? "∞" : "−∞";
        }
        double size = Math.abs(value);
        if (size >= 1000) {
            return sign(String.format(Locale.ROOT, "%,.0f", value));
        }
        BigDecimal rounded = new BigDecimal(value, new MathContext(4)).stripTrailingZeros();
        if (size != 0 && size < 1e-4) {
            String digits = rounded.unscaledValue().toString();
            int exponent = rounded.precision() - rounded.scale() - 1;
            int lead = digits.startsWith("-") ? 2 : 1;
            String rest = digits.length() > lead ? "." + digits.substring(lead) : "";
            return sign(digits.substring(0, lead) + rest + "e" + exponent);
        }
        return sign(rounded.toPlainString());
    }

    /** A share such as an accuracy, given as 0..1: "84.3 %"; a dash for NaN. */
    public static String percent(double share) {
        return Double.isFinite(share) ? sign(String.format(Locale.ROOT, "%.1f\u00a0%%", 100 * share)) : MISSING;
    }

    /** Seconds as "42 s", "3 min 05 s" or "2 h 07 min". */
    static String time(double seconds) {
        if (!Double.isFinite(seconds)) {
            return MISSING;
        }
        long whole = Math.round(seconds);
        if (whole < 60) {
            return whole < 10 ? format(seconds) + "\u00a0s" : whole + "\u00a0s";
        }
        return whole < 3600
                ? String.format(Locale.ROOT, "%d\u00a0min\u00a0%02d\u00a0s", whole / 60, whole % 60)
                : String.format(Locale.ROOT, "%d\u00a0h\u00a0%02d\u00a0min", whole / 3600, whole / 60 % 60);
    }

    /** Bytes in binary units: "1.5 GiB". */
    static String bytes(double bytes) {
        if (!Double.isFinite(bytes)) {
            return MISSING;
        }
        String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
        int unit = 0;
        double value = bytes;
        while (value >= 1024 && unit < units.length - 1) {
            value /= 1024;
            unit++;
        }
        return String.format(Locale.ROOT, unit == 0 ? "%.0f\u00a0" : "%.1f\u00a0", value) + units[unit];
    }

    /** A coordinate inside an SVG: two decimals are a fiftieth of what can be seen. */
    public static String coordinate(double value) {
        return BigDecimal.valueOf(Math.round(value * 100), 2)
                .stripTrailingZeros()
                .toPlainString();
    }

    private static String sign(String number) {
        return number.replace('-', '−').replace("e−", "e-");
    }
}
