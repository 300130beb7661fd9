package sdae.gpu;

import java.io.IOException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import sdae.io.Json;
import tools.jackson.databind.JsonNode;

/** What the simulated device counted of one kernel: exact, of the PTX that ran. */
public final class Counts {
    /** Which part of the hardware an instruction is for. */
    public enum Unit {
        MMA,
        LDMATRIX,
        SHARED,
        GLOBAL,
        ASYNC,
        FP32,
        SPECIAL,
        SHUFFLE,
        CONTROL,
        OTHER
    }

    /** Warp instructions and their active lanes. */
    public record Mix(double warps, double lanes) {
        Mix plus(Mix other) {
            return new Mix(warps + other.warps, lanes + other.lanes);
        }
    }

    /** One PTX instruction. */
    public record Line(
            String ptx,
            long warps,
            long lanes,
            long globalBytes,
            long sectors,
            long idealSectors,
            long wavefronts,
            long idealWavefronts) {}

    private static final Pattern SHAPE = Pattern.compile("\\.m(\\d+)n(\\d+)k(\\d+)\\.");

    private final String kernel;
    private final JsonNode node;
    private final List<Line> lines = new ArrayList<>();
    private final Map<Unit, Mix> mix = new EnumMap<>(Unit.class);
    private double bf16Flops;
    private double tf32Flops;

    private Counts(JsonNode node) {
        this.node = node;
        kernel = node.get("kernel").asString();
        for (JsonNode line : node.get("lines")) {
            add(new Line(
                    line.get("ptx").asString(),
                    line.get("warps").asLong(),
                    line.get("lanes").asLong(),
                    line.get("global_bytes").asLong(),
                    line.get("sectors").asLong(),
                    line.get("ideal_sectors").asLong(),
                    line.get("wavefronts").asLong(),
                    line.get("ideal_wavefronts").asLong()));
        }
    }

    /** The kernels of a report of the simulator. */
    public static List<Counts> of(String report) throws IOException {
        List<Counts> all = new ArrayList<>();
        for (JsonNode node : Json.parse(report)) {
            all.add(new Counts(node));
        }
        return all;
    }

    private void add(Line line) {
        lines.add(line);
        String opcode = opcode(line.ptx);
        mix.merge(unit(opcode), new Mix(line.warps, line.lanes), Mix::plus);
        Matcher shape = SHAPE.matcher(opcode);
        if (unit(opcode) == Unit.MMA && shape.find()) {
            double flops = 2.0
                    * line.warps
                    * Integer.parseInt(shape.group(1))
                    * Integer.parseInt(shape.group(2))
                    * Integer.parseInt(shape.group(3));
            if (opcode.contains(".tf32")) {
                tf32Flops += flops;
            } else {
                bf16Flops += flops;
            }
        }
    }

    /** Without predicate and operands: {@code @%p1 bra $L} is {@code bra}. */
    static String opcode(String ptx) {
        String text = ptx.strip();
        if (text.startsWith("@")) {
            text = text.substring(text.indexOf(' ') + 1).strip();
        }
        int end = 0;
        while (end < text.length() && !Character.isWhitespace(text.charAt(end)) && text.charAt(end) != ';') {
            end++;
        }
        return text.substring(0, end);
    }

    static Unit unit(String opcode) {
        String name = opcode.split("\\.", 2)[0];
        return switch (name) {
            case "mma", "wmma" -> Unit.MMA;
            case "ldmatrix" -> Unit.LDMATRIX;
            case "cp" -> Unit.ASYNC;
            case "ld", "st", "atom", "red" ->
                opcode.contains(".shared") ? Unit.SHARED : opcode.contains(".global") ? Unit.GLOBAL : Unit.OTHER;
            case "ex2", "lg2", "rcp", "rsqrt", "sqrt", "sin", "cos", "tanh" -> Unit.SPECIAL;
            case "add", "sub", "mul", "fma", "max", "min", "mad", "div", "neg", "abs" ->
                opcode.contains(".f32") ? Unit.FP32 : Unit.OTHER;
            case "shfl", "vote", "match", "activemask", "redux" -> Unit.SHUFFLE;
            case "bra", "bar", "barrier", "ret", "exit", "call" -> Unit.CONTROL;
            default -> Unit.OTHER;
        };
    }

    public String kernel() {
        return kernel;
    }

    public List<Line> lines() {
        return lines;
    }

    public long launches() {
        return number("launches");
    }

    public long blocks() {
        return number("blocks");
    }

    public long threads() {
        return number("threads");
    }

    public long barriers() {
        return number("barriers");
    }

    public long mma() {
        return number("mma");
    }

    public long atomics() {
        return number("atomics");
    }

    /** Global bytes that warps asked for, each byte of a request once. */
    public long bytes() {
        return lines.stream().mapToLong(Line::globalBytes).sum();
    }

    /** Distinct global bytes of each launch, loads and stores: what must come from memory if caches are perfect. */
    public long uniqueBytes() {
        return number("unique_load_bytes") + number("unique_store_bytes");
    }

    private long number(String name) {
        return node.get(name).asLong();
    }

    public long warps() {
        return lines.stream().mapToLong(Line::warps).sum();
    }

    public long sectors() {
        return lines.stream().mapToLong(Line::sectors).sum();
    }

    public long idealSectors() {
        return lines.stream().mapToLong(Line::idealSectors).sum();
    }

    public long wavefronts() {
        return lines.stream().mapToLong(Line::wavefronts).sum();
    }

    public long idealWavefronts() {
        return lines.stream().mapToLong(Line::idealWavefronts).sum();
    }

    public Mix mix(Unit unit) {
        return mix.getOrDefault(unit, new Mix(0, 0));
    }

    double bf16Flops() {
        return bf16Flops;
    }

    double tf32Flops() {
        return tf32Flops;
    }
}
