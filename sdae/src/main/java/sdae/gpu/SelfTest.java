package sdae.gpu;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.DType;
import sdae.tensor.check.KernelCase;
import sdae.tensor.check.KernelCases;
import sdae.tensor.check.KernelCheck;

/** Whether a device computes right: every kernel against double references and the CPU, then whole steps. */
public final class SelfTest {
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

    private final Backend device;
    private final Backend cpu = new CpuBackend();
    private final String filter;
    private final Consumer<String> out;
    private final List<Row> rows = new ArrayList<>();
    private final List<StepCheck> steps = new ArrayList<>();

    /**
     * @param filter only what has this in its name; empty for all
     * @param out takes the lines of the report as they come
     */
    public SelfTest(Backend device, String filter, Consumer<String> out) {
        this.device = device;
        this.filter = filter.toLowerCase(Locale.ROOT);
        this.out = out;
    }

    /** Runs everything and reports; returns whether all of it is right. */
    public boolean run() {
        long start = System.nanoTime();
        out.accept(String.format(
                "%-24s %-5s %5s  %13s  %8s  %7s", "kernel", "type", "cases", "error/allowed", "from cpu", "seconds"));
        for (DType dtype : List.of(DType.F32)) {
            kernels(dtype);
        }
        SmallStep.objectives().forEach((name, objective) -> {
            if (wanted(name)) {
                StepCheck step = StepCheck.of(name, objective, device, cpu);
                steps.add(step);
                report(step);
            }
        });
        int cases = rows.stream().mapToInt(r -> r.outcomes.size()).sum();
        long failed = rows.stream().mapToLong(Row::failed).sum()
                + steps.stream().filter(s -> !s.ok()).count();
        out.accept(String.format(
                Locale.ROOT,
                "selftest on %s: %d kernels in %d cases, %d steps: %s (%.1f s)",
                device.name(),
                rows.stream().map(Row::kernel).distinct().count(),
                cases,
                steps.size(),
                failed == 0 ? "all ok" : failed + " FAILED",
                (System.nanoTime() - start) * 1e-9));
        return failed == 0;
    }

    /** Whether the filter left anything to do. */
    public boolean ranAny() {
        return !rows.isEmpty() || !steps.isEmpty();
    }

    private boolean wanted(String name) {
        return name.toLowerCase(Locale.ROOT).contains(filter);
    }

    private void kernels(DType dtype) {
        Map<String, List<KernelCase>> byKernel = new LinkedHashMap<>();
        for (KernelCase one : KernelCases.small(dtype)) {
            if (wanted(one.toString())) {
                byKernel.computeIfAbsent(one.kernel(), k -> new ArrayList<>()).add(one);
            }
        }
        byKernel.forEach((kernel, cases) -> {
            Row row = new Row(kernel, dtype, new ArrayList<>());
            for (KernelCase one : cases) {
                row.outcomes.add(KernelCheck.check(one, device, device.name().equals("cpu") ? null : cpu));
            }
            rows.add(row);
            report(row);
        });
    }

    private void report(Row row) {
        out.accept(String.format(
                Locale.ROOT,
                "%-24s %-5s %5d  %13s  %8s  %7.2f  %s",
                row.kernel,
                row.dtype.name().toLowerCase(Locale.ROOT),
                row.outcomes.size(),
                ratio(row.worst()),
                ratio(row.peer()),
                row.seconds(),
                row.failed() == 0 ? "ok" : "FAIL, " + row.failed() + " of " + row.outcomes.size()));
        for (KernelCheck.Outcome outcome : row.outcomes) {
            if (!outcome.ok()) {
                out.accept("    " + outcome.tested() + ": " + outcome.fault());
            }
        }
    }

    private static String ratio(double value) {
        return value < 0 ? "-" : Double.isInfinite(value) ? "inf" : String.format(Locale.ROOT, "%.3f", value);
    }

    private void report(StepCheck step) {
        out.accept(String.format(
                Locale.ROOT,
                "%-24s %-5s %5d  %13s  %8s  %7.2f  %s",
                step.name(),
                "f32",
                1,
                ratio(step.worst()),
                ratio(step.worst()),
                step.seconds(),
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
            one.put("ok", step.ok());
            one.put("loss", finite(step.loss()));
            one.put("from_cpu_over_allowed", finite(step.worst()));
            one.put("fault", step.fault());
            one.put("seconds", step.seconds());
            whole.add(one);
        }
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("device", device.name());
        report.put("cases", cases);
        report.put("steps", whole);
        return report;
    }

    private static Double finite(double value) {
        return Double.isFinite(value) ? value : null;
    }
}
