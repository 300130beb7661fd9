package sdae.gpu;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import sdae.model.Objective;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Devices;
import sdae.tensor.Tensor;
import sdae.tensor.check.KernelCase;
import sdae.tensor.check.KernelCases;
import sdae.tensor.check.KernelCheck;
import tools.jackson.databind.JsonNode;

/** Whether a device computes right: every kernel against double references and the CPU, then whole steps. */
public final class SelfTest {
    private static final String LINE = "%-24s %-5s %5s  %13s  %8s  %7s  %s";

    /** One kernel at one storage type, over all its sizes. */
    record Row(String kernel, DType dtype, List<KernelCheck.Outcome> outcomes) {
        long failed() {
            return outcomes.stream().filter(o -> !o.ok()).count();
        }

        /** Largest error over what is allowed; infinite where one is not a number, -1 if none ran. */
        double worst() {
            return outcomes.stream()
                    .mapToDouble(KernelCheck.Outcome::worst)
                    .filter(w -> !Double.isNaN(w))
                    .max()
                    .orElse(-1);
        }

        double peer() {
            return outcomes.stream()
                    .mapToDouble(KernelCheck.Outcome::peer)
                    .filter(p -> !Double.isNaN(p))
                    .max()
                    .orElse(-1);
        }

        double seconds() {
            return outcomes.stream().mapToDouble(KernelCheck.Outcome::seconds).sum();
        }
    }

    /** Does the tests from a number on in a process of its own, for a device that failed for good; returns their report. */
    @FunctionalInterface
    public interface Elsewhere {
        JsonNode run(int from) throws IOException;
    }

    private final String name;
    private final Function<DType, Backend> devices;
    private final String filter;
    private final int from;
    private final Elsewhere elsewhere;
    private final Consumer<String> out;
    private final List<Row> rows = new ArrayList<>();
    private final List<StepCheck> steps = new ArrayList<>();
    private JsonNode rest;
    private int next;

    /**
     * @param devices the device for activations of a type
     * @param filter only what has this in its name; empty for all
     * @param from the number of the first test to do, counted from 0 over all that the filter leaves
     * @param out takes the lines of the report as they come
     */
    public SelfTest(
            String name,
            Function<DType, Backend> devices,
            String filter,
            int from,
            Elsewhere elsewhere,
            Consumer<String> out) {
        this.name = name;
        this.devices = devices;
        this.filter = filter.toLowerCase(Locale.ROOT);
        this.from = from;
        this.elsewhere = elsewhere;
        this.out = out;
    }

    /** Runs everything and reports; returns whether all of it is right. */
    public boolean run() throws IOException {
        long start = System.nanoTime();
        out.accept(String.format(LINE, "kernel", "type", "cases", "error/allowed", "from cpu", "seconds", "")
                .strip());
        for (DType dtype : List.of(DType.F32, DType.BF16)) {
            kernels(dtype);
        }
        for (Map.Entry<String, Objective> step : SmallStep.objectives().entrySet()) {
            for (DType dtype : List.of(DType.F32, DType.BF16)) {
                if (begins(step.getKey() + ' ' + dtype.name())) {
                    List<StepCheck> checks = StepCheck.of(
                            step.getKey(), step.getValue(), dtype, devices.apply(dtype), Devices.open("cpu"));
                    checks.forEach(this::report);
                    steps.addAll(checks);
                }
            }
        }
        summary((System.nanoTime() - start) * 1e-9);
        return failed() == 0;
    }

    private void summary(double seconds) {
        Map<String, Object> report = toMap();
        List<?> cases = (List<?>) report.get("cases");
        long failed = failed();
        out.accept(String.format(
                Locale.ROOT,
                "selftest on %s: %d kernels in %d cases, %d steps: %s (%.1f s)",
                name,
                cases.stream()
                        .map(c -> ((Map<?, ?>) c).get("kernel"))
                        .distinct()
                        .count(),
                cases.size(),
                ((List<?>) report.get("steps")).size(),
                failed == 0 ? "all ok" : failed + " FAILED",
                seconds));
    }

    private long failed() {
        Map<String, Object> report = toMap();
        return java.util.stream.Stream.of("cases", "steps")
                .flatMap(part -> ((List<?>) report.get(part)).stream())
                .filter(one -> !((Map<?, ?>) one).get("ok").equals(true))
                .count();
    }

    /** Whether the filter left anything to do. */
    public boolean ranAny() {
        return next > 0;
    }

    /** Whether the test of that name is to be done here; gives it its number. */
    private boolean begins(String test) {
        return test.toLowerCase(Locale.ROOT).contains(filter) && next++ >= from && rest == null;
    }

    private void kernels(DType dtype) throws IOException {
        Map<String, List<KernelCase>> byKernel = new LinkedHashMap<>();
        for (KernelCase one : KernelCases.small(dtype)) {
            byKernel.computeIfAbsent(one.kernel(), k -> new ArrayList<>()).add(one);
        }
        Backend device = devices.apply(dtype);
        Backend peer = name.equals("cpu") ? null : Devices.open("cpu");
        for (Map.Entry<String, List<KernelCase>> entry : byKernel.entrySet()) {
            Row row = new Row(entry.getKey(), dtype, new ArrayList<>());
            boolean lost = false;
            for (KernelCase one : entry.getValue()) {
                if (!lost && begins(one.toString())) {
                    KernelCheck.Outcome outcome = KernelCheck.check(one, device, peer);
                    row.outcomes.add(outcome);
                    lost = !outcome.ok() && elsewhere != null && !alive(device);
                }
            }
            if (!row.outcomes.isEmpty()) {
                rows.add(row);
                report(row);
            }
            if (lost) {
                out.accept("    " + name + " is lost to this process; the tests after that one run in a new one");
                rest = elsewhere.run(next);
                return;
            }
        }
    }

    /** Whether the device still answers: an error like an illegal address ends its context. */
    private static boolean alive(Backend device) {
        try {
            Tensor probe = Tensor.persistent(device, DType.F32, 1);
            probe.set(1);
            boolean answers = probe.item() == 1;
            probe.close();
            return answers;
        } catch (RuntimeException e) {
            return false;
        }
    }

    private void report(Row row) {
        out.accept(String.format(
                Locale.ROOT,
                LINE,
                row.kernel,
                row.dtype.name().toLowerCase(Locale.ROOT),
                row.outcomes.size(),
                ratio(row.worst()),
                ratio(row.peer()),
                number(row.seconds()),
                row.failed() == 0 ? "ok" : "FAIL, " + row.failed() + " of " + row.outcomes.size()));
        for (KernelCheck.Outcome outcome : row.outcomes) {
            if (!outcome.ok()) {
                out.accept("    " + outcome.tested() + ": " + outcome.fault());
            }
        }
    }

    private static String number(double seconds) {
        return String.format(Locale.ROOT, "%.2f", seconds);
    }

    private static String ratio(double value) {
        return value < 0 ? "-" : Double.isInfinite(value) ? "inf" : String.format(Locale.ROOT, "%.3f", value);
    }

    private void report(StepCheck step) {
        out.accept(String.format(
                Locale.ROOT,
                LINE,
                step.name(),
                step.dtype().name().toLowerCase(Locale.ROOT),
                1,
                Double.isNaN(step.worst()) ? step.ok() ? "bits" : "-" : ratio(step.worst()),
                Double.isNaN(step.worst()) ? "-" : ratio(step.worst()),
                number(step.seconds()),
                step.ok() ? "ok" : "FAIL"));
        if (!step.ok()) {
            out.accept("    " + step.fault());
        }
    }

    /** The report as data. */
    public Map<String, Object> toMap() {
        List<Map<String, Object>> cases = new ArrayList<>();
        for (Row row : rows) {
            for (KernelCheck.Outcome outcome : row.outcomes) {
                Map<String, Object> one = new LinkedHashMap<>();
                one.put("kernel", row.kernel);
                one.put("type", row.dtype.name().toLowerCase(Locale.ROOT));
                one.put("shape", outcome.tested().shape());
                one.put("ok", outcome.ok());
                one.put("error_over_allowed", finite(outcome.worst()));
                one.put("from_cpu_over_allowed", finite(outcome.peer()));
                one.put("fault", outcome.fault());
                one.put("seconds", outcome.seconds());
                cases.add(one);
            }
        }
        List<Map<String, Object>> whole = new ArrayList<>();
        for (StepCheck step : steps) {
            Map<String, Object> one = new LinkedHashMap<>();
            one.put("name", step.name());
            one.put("type", step.dtype().name().toLowerCase(Locale.ROOT));
            one.put("ok", step.ok());
            one.put("loss", finite(step.loss()));
            one.put("from_cpu_over_allowed", finite(step.worst()));
            one.put("fault", step.fault());
            one.put("seconds", step.seconds());
            whole.add(one);
        }
        if (rest != null) {
            rest.get("cases").forEach(one -> cases.add(asMap(one)));
            rest.get("steps").forEach(one -> whole.add(asMap(one)));
        }
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("device", name);
        report.put("cases", cases);
        report.put("steps", whole);
        return report;
    }

    private static Map<String, Object> asMap(JsonNode node) {
        Map<String, Object> map = new LinkedHashMap<>();
        node.forEachEntry((key, value) -> map.put(
                key,
                value.isNull()
                        ? null
                        : value.isBoolean()
                                ? value.asBoolean()
                                : value.isNumber() ? value.asDouble() : value.asString()));
        return map;
    }

    private static Double finite(double value) {
        return Double.isFinite(value) ? value : null;
    }
}
