package sdae.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sdae.bench.Goal.Outcome;
import sdae.io.Json;
import tools.jackson.databind.JsonNode;

class GoalsTest {
    private static final Limits LIMITS = new Limits(200, 2000, 40);

    /** Twelve rounds of that many seconds; a neighbour disturbed one of ours and another one of the peer's. */
    private static Result result(Goal.Needed of, double seconds, long peakBytes) {
        double[] rounds = new double[12];
        Arrays.fill(rounds, seconds);
        rounds[of.implementation().equals(SdaePeer.NAME) ? 3 : 7] = 50 * seconds;
        return new Result(of.timed(), of.implementation(), "cpu", 2, new double[][] {rounds}, peakBytes, 0);
    }

    private static Goal goal(String name) {
        List<Goal> found =
                Goals.all().stream().filter(g -> g.name().equals(name)).toList();
        assertEquals(1, found.size(), name);
        return found.get(0);
    }

    /** Ours takes a second for everything, every peer that many. */
    private static Outcome outcome(String name, double peers) {
        List<Result> results = new ArrayList<>();
        for (Goal.Needed need : goal(name).figure().needs()) {
            boolean ours = need.implementation().equals(SdaePeer.NAME);
            results.add(result(need, ours ? 1 : peers, (long) ((ours ? 1 : peers) * 1e9)));
        }
        return goal(name).outcome(new Measured(results, LIMITS));
    }

    @Test
    void namesAreDifferentAndEveryCaseExists() {
        Set<String> names = new HashSet<>();
        Goals.all().forEach(goal -> assertTrue(names.add(goal.name()), goal.name() + " occurs twice"));
        Set<String> cases = new HashSet<>();
        Goals.needs(Goals.all())
                .forEach(
                        n -> assertTrue(cases.add(n.implementation() + n.timed().name()), n + " is needed twice"));
    }

    @Test
    void ratioIsMetFromItsLimitOn() {
        assertTrue(outcome("attention forward N=50 Dh=64, fp32", 1.51).met());
        Outcome missed = outcome("attention forward N=50 Dh=64, fp32", 1.49);
        assertFalse(missed.met());
        assertEquals("not met", missed.verdict());
        assertEquals("1.49x", missed.figure());
    }

    /** Pairs of 1.1 to 2.2: the interval is from the third to the tenth, for P(fewer than 3 of 12 heads) = 0.019. */
    @Test
    void figureHasTheIntervalOfItsPairs() {
        Goal goal = goal("erf GELU backward");
        List<Result> results = new ArrayList<>();
        for (Goal.Needed need : goal.figure().needs()) {
            boolean ours = need.implementation().equals(SdaePeer.NAME);
            double[] rounds = new double[12];
            Arrays.setAll(rounds, i -> ours ? 1 : 1.1 + 0.1 * i);
            results.add(new Result(need.timed(), need.implementation(), "cpu", 2, new double[][] {rounds}));
        }
        assertEquals(
                "1.65x [1.30, 2.00]",
                goal.outcome(new Measured(results, LIMITS)).figure());
    }

    /** With more peers it is the fastest that counts, here the one as it comes. */
    @Test
    void operatorIsHeldAgainstTheBestSettingOfThePeer() {
        Goal goal = goal("erf GELU forward");
        List<Result> results = new ArrayList<>();
        for (Goal.Needed need : goal.figure().needs()) {
            double seconds = switch (need.implementation()) {
                case "sdae" -> 1;
                case "libtorch-default" -> 1.9;
                default -> 2.5;
            };
            results.add(result(need, seconds, 0));
        }
        Outcome outcome = goal.outcome(new Measured(results, LIMITS));
        assertEquals(1.9, outcome.found().figure().value(), 1e-12);
        assertEquals("libtorch-default", outcome.found().about());
        assertFalse(outcome.met());
    }

    /** (8 + 12) / (1 + 1) = 10, though the mean of both ratios is 10 as well; (18 + 2) / (1.5 + 0.5) is 10, their mean 8. */
    @Test
    void maskIsTheRatioOfSums() {
        Goal goal = goal("mask order + gather");
        List<Result> results = new ArrayList<>();
        for (Goal.Needed need : goal.figure().needs()) {
            boolean order = need.timed().kernel() == Kernel.MASK_ORDER;
            boolean ours = need.implementation().equals(SdaePeer.NAME);
            results.add(result(need, ours ? (order ? 1.5 : 0.5) : (order ? 18 : 2), 0));
        }
        Outcome outcome = goal.outcome(new Measured(results, LIMITS));
        assertEquals(10, outcome.found().figure().value(), 1e-12);
        assertTrue(outcome.met());
    }

    /** One product of 37 is as fast as 0.9 of the peer, all others 1.02: the mean is met, the worst is not. */
    @Test
    void productsHaveAMeanAndAWorstShape() {
        Goal mean = goal("gemm forward, dgrad, wgrad, fp32, geometric mean");
        List<Result> results = new ArrayList<>();
        Set<String> shapes = new HashSet<>();
        for (Goal.Needed need : mean.figure().needs()) {
            boolean ours = need.implementation().equals(SdaePeer.NAME);
            boolean slow = need.timed().name().equals("gemm wgrad  VIT_B_FC2  f32");
            shapes.add(need.timed().name());
            boolean best = need.implementation().equals("onednn");
            results.add(result(need, ours ? 1 : (slow ? 0.9 : 1.02) * (best ? 1 : 1.3), 0));
        }
        assertEquals(37, shapes.size());
        Measured measured = new Measured(results, LIMITS);
        Outcome meanOutcome = mean.outcome(measured);
        assertEquals(
                Math.exp((36 * Math.log(1.02) + Math.log(0.9)) / 37),
                meanOutcome.found().figure().value(),
                1e-12);
        assertTrue(meanOutcome.met());
        Outcome worst = goal("gemm forward, dgrad, wgrad, fp32, worst").outcome(measured);
        assertEquals(0.9, worst.found().figure().value(), 1e-12);
        assertEquals("gemm wgrad VIT_B_FC2, onednn", worst.found().about());
        assertFalse(worst.met());
        results.remove(0);
        assertEquals("not measured", mean.outcome(new Measured(results, LIMITS)).verdict());
    }

    @Test
    void sharesAreOfTheMeasuredLimits() {
        Goal attention = goal("attention forward N=50 Dh=64, of FMA peak");
        Goal.Needed need = attention.figure().needs().get(0);
        double seconds = need.timed().flops() / (0.75 * 200e9);
        Outcome reached = attention.outcome(new Measured(List.of(result(need, seconds, 0)), LIMITS));
        assertEquals(0.75, reached.found().figure().value(), 1e-9);
        assertTrue(reached.met());
        assertEquals("75 %", reached.figure());
        Goal update = goal("AdamW + EMA + bf16 copy + zero-grad, of copy bandwidth");
        Goal.Needed updated = update.figure().needs().get(0);
        assertEquals(44.0 * 7087872, updated.timed().bytes(), 100);
        double slow = updated.timed().bytes() / (0.85 * 40e9);
        assertFalse(update.outcome(new Measured(List.of(result(updated, slow, 0)), LIMITS))
                .met());
    }

    @Test
    void bf16IsHeldAgainstThePeersFp32() {
        Goal goal = goal("attention forward N=50 Dh=64, bf16 / libtorch fp32");
        for (Goal.Needed need : goal.figure().needs()) {
            boolean ours = need.implementation().equals(SdaePeer.NAME);
            assertEquals(ours ? "BF16" : "F32", need.timed().dtype().name());
        }
        assertTrue(outcome(goal.name(), 2.6).met());
    }

    @Test
    void memoryIsToStayUnderItsLimit() {
        String name = "step ViT-B/16, batch 16, fp32, peak resident memory";
        assertTrue(outcome(name, 1.7).met());
        assertFalse(outcome(name, 1.6).met());
        assertEquals("0.63x", outcome(name, 1.6).figure());
        assertEquals("<= 0.60x", goal(name).limitText());
    }

    @Test
    void everyGoalOfAnEmptyRunIsNotMeasured() {
        Measured nothing = new Measured(List.of(), LIMITS);
        for (Goal goal : Goals.all()) {
            assertEquals("not measured", goal.outcome(nothing).verdict(), goal.name());
        }
    }

    @Test
    void tableIsWrittenInEveryForm(@TempDir Path folder) throws Exception {
        GoalTable table = new GoalTable(List.of(
                outcome("attention forward N=50 Dh=64, fp32", 1.6),
                outcome("erf GELU forward", 1.5),
                goal("mask order + gather").outcome(new Measured(List.of(), LIMITS))));
        assertEquals("1 of 2 goals met, 1 not measured", table.summary());
        assertTrue(table.markdown(Map.of("cpu", "some"), LIMITS)
                .contains("| erf GELU forward | >= 2.00x | 1.50x | libtorch | not met |"));
        Path file = folder.resolve("goals.json");
        ResultFile results = new ResultFile(Map.of("cpu", "some"), LIMITS, List.of(), table);
        results.write(file);
        JsonNode goals = Json.read(file).path("goals");
        assertEquals(3, goals.size());
        assertEquals("met", goals.get(0).path("verdict").asString());
        assertEquals(1.6, goals.get(0).path("measured").asDouble(), 1e-12);
        assertEquals("not measured", goals.get(2).path("verdict").asString());
        assertTrue(BenchReport.page(results, null).contains("erf GELU forward"));
        assertTrue(Files.size(file) > 0);
    }

    /** Both types of one case take turns in one process of ours; the peer that is missing is left out. */
    @Test
    void needsMeetInOneContestAndAreTimed() {
        Case full = Cases.of("GELU_FORWARD", "TINY_HIDDEN", "F32");
        Case low = Cases.of("GELU_FORWARD", "TINY_HIDDEN", "BF16");
        List<Contest> contests = Contest.of(
                List.of(new Goal.Needed("sdae", full), new Goal.Needed("absent", full), new Goal.Needed("sdae", low)),
                List.of(new SdaePeer("cpu")));
        assertEquals(1, contests.size());
        assertEquals(2, contests.get(0).entries().size());
        List<Result> results = new PairedRun("cpu", 1, new PairedRun.Effort(2, 3, 1, 1e-4), System.err::println)
                .run(contests, of -> assertEquals(2, of.size()));
        assertEquals(2, results.size());
        for (Result result : results) {
            assertEquals(6, result.rounds().length);
            assertTrue(result.median() > 0);
        }
        assertEquals("F32", results.get(0).timed().dtype().name());
        assertEquals("BF16", results.get(1).timed().dtype().name());
    }
}
