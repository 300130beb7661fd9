package sdae.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import sdae.bench.Ratios.Interval;
import sdae.io.Disk;
import sdae.io.ExitCode;
import sdae.io.Json;
import sdae.io.UserError;
import tools.jackson.databind.JsonNode;

/**
 * Results on disk: {@code {"header": {...}, "results": [...]}}, where {@code results} is what JMH writes with {@code -rf json},
 * one entry an implementation. {@code rawData[process][round]} of two implementations pair up.
 *
 * @param header facts of machine, commit and load, in the order to show
 * @param goals those that the results were measured for; not read back
 */
record ResultFile(Map<String, String> header, Limits limits, List<Result> results, GoalTable goals) {
    private static final double MICRO = 1e6;

    ResultFile(Map<String, String> header, Limits limits, List<Result> results) {
        this(header, limits, results, new GoalTable(List.of()));
    }

    void write(Path file) throws IOException {
        Map<String, Object> all = new LinkedHashMap<>();
        Map<String, Object> top = new LinkedHashMap<>(header);
        top.put("fma_f32_gflops", finite(limits.f32()));
        top.put("fma_bf16_gflops", finite(limits.bf16()));
        top.put("copy_gbs", finite(limits.copy()));
        top.put("limits_of_data_sheet", limits.source() == Limits.Source.DATA_SHEET);
        all.put("header", top);
        if (!goals.outcomes().isEmpty()) {
            all.put("goals", goals.json());
        }
        all.put("results", results.stream().map(ResultFile::entry).toList());
        Json.write(Disk.real(), file.toAbsolutePath(), all);
    }

    private static Object finite(double value) {
        return Double.isFinite(value) ? value : null;
    }

    private static Map<String, Object> entry(Result r) {
        double[] micros = Arrays.stream(r.rounds()).map(s -> s * MICRO).toArray();
        Interval score = Ratios.median95(micros);
        Map<String, Object> metric = new LinkedHashMap<>();
        metric.put("score", score.value());
        metric.put("scoreError", (score.high() - score.low()) / 2);
        metric.put("scoreConfidence", List.of(score.low(), score.high()));
        metric.put("scorePercentiles", percentiles(micros));
        metric.put("scoreUnit", "us/op");
        metric.put(
                "rawData",
                Arrays.stream(r.seconds())
                        .map(round ->
                                Arrays.stream(round).map(s -> s * MICRO).boxed().toList())
                        .toList());
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("jmhVersion", "1.37");
        entry.put("benchmark", Benchmarks.method(r.timed().kernel()));
        entry.put("mode", "avgt");
        entry.put("threads", 1);
        entry.put("forks", r.seconds().length);
        entry.put("jdkVersion", System.getProperty("java.version"));
        entry.put("vmName", System.getProperty("java.vm.name"));
        entry.put("vmVersion", System.getProperty("java.vm.version"));
        entry.put("measurementIterations", r.seconds().length == 0 ? 0 : r.seconds()[0].length);
        Map<String, Object> params = new LinkedHashMap<>();
        params.put("shape", r.timed().shape().name());
        params.put("dtype", r.timed().dtype().name());
        params.put("threads", Integer.toString(r.threads()));
        params.put("device", r.device());
        params.put("implementation", r.implementation());
        entry.put("params", params);
        entry.put("primaryMetric", metric);
        Map<String, Object> secondary = new LinkedHashMap<>();
        if (r.peakBytes() > 0) {
            secondary.put("peakResidentMemory", Map.of("score", r.peakBytes(), "scoreUnit", "bytes"));
        }
        if (r.busy() > 0) {
            secondary.put("busyCores", Map.of("score", r.busy(), "scoreUnit", "processor time / time / threads"));
        }
        entry.put("secondaryMetrics", secondary);
        return entry;
    }

    private static Map<String, Double> percentiles(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        Map<String, Double> percentiles = new LinkedHashMap<>();
        for (int p : new int[] {0, 50, 90, 100}) {
            percentiles.put(
                    String.format(Locale.ROOT, "%.1f", (double) p),
                    sorted[(int) Math.round(p / 100.0 * (sorted.length - 1))]);
        }
        return percentiles;
    }

    /** Reads what {@link #write} wrote; cases that there are no more are left out. */
    static ResultFile read(Path file) throws IOException {
        JsonNode all = Json.read(file);
        JsonNode top = all.path("header");
        if (!top.isObject() || !all.path("results").isArray()) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "bench: " + file
                            + " must be a file of results written by sdae bench, but has no header and results");
        }
        Map<String, String> header = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> fact : top.properties()) {
            if (fact.getValue().isString()) {
                header.put(fact.getKey(), fact.getValue().asString());
            }
        }
        List<Result> results = new ArrayList<>();
        for (JsonNode entry : all.path("results")) {
            Result result = result(entry);
            if (result != null) {
                results.add(result);
            }
        }
        Limits limits = new Limits(
                top.path("fma_f32_gflops").asDouble(Double.NaN),
                top.path("fma_bf16_gflops").asDouble(Double.NaN),
                top.path("copy_gbs").asDouble(Double.NaN),
                top.path("limits_of_data_sheet").asBoolean(false) ? Limits.Source.DATA_SHEET : Limits.Source.MEASURED);
        return new ResultFile(header, limits, results);
    }

    private static Result result(JsonNode entry) {
        JsonNode params = entry.path("params");
        Case timed;
        try {
            timed = Cases.of(
                    Benchmarks.kernel(entry.path("benchmark").asString("")).name(),
                    params.path("shape").asString(""),
                    params.path("dtype").asString(""));
        } catch (IllegalArgumentException e) {
            return null;
        }
        List<double[]> seconds = new ArrayList<>();
        for (JsonNode process : entry.path("primaryMetric").path("rawData")) {
            double[] rounds = new double[process.size()];
            for (int i = 0; i < rounds.length; i++) {
                rounds[i] = process.get(i).asDouble() / MICRO;
            }
            seconds.add(rounds);
        }
        return new Result(
                timed,
                params.path("implementation").asString(SdaePeer.NAME),
                params.path("device").asString("cpu"),
                Integer.parseInt(params.path("threads").asString("1")),
                seconds.toArray(double[][]::new),
                entry.path("secondaryMetrics")
                        .path("peakResidentMemory")
                        .path("score")
                        .asLong(0),
                entry.path("secondaryMetrics").path("busyCores").path("score").asDouble(0));
    }
}
