package sdae.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sdae.report.Numbers;
import sdae.tensor.cuda.DeviceFacts;

/** What is said of results of a GPU; the results are invented. */
class GpuReportTest {
    private static final DeviceFacts H100 =
            new DeviceFacts("NVIDIA H100 80GB HBM3", 90, 132, 50L << 20, 1.98, 2.619, 13010);
    private static final Case GELU = Cases.of("GELU_FORWARD", "VIT_B_HIDDEN", "F32");
    private static final Case PRODUCT = Cases.of("GEMM_DGRAD", "VIT_B_FC1", "BF16");

    private static Result result(Case timed, String implementation, double seconds) {
        return new Result(timed, implementation, "cuda", 1, new double[][] {{seconds, seconds, seconds}});
    }

    private static ResultFile file(DeviceFacts gpu, Result... results) {
        return new ResultFile(DataSheet.header(gpu), DataSheet.limits(gpu), List.of(results));
    }

    /** 132 multiprocessors x 128 lanes x 2 operations x 1.98 GHz; 989 TFLOP/s and 3.35 TB/s as they stand there. */
    @Test
    void limitsAreThoseOfTheDataSheet() {
        Limits limits = DataSheet.limits(H100);
        assertEquals(66_908.16, limits.f32(), 1e-6);
        assertEquals(989_000, limits.bf16(), 1e-6);
        assertEquals(3350, limits.copy(), 1e-9);
        double seconds = GELU.bytes() / 1.675e12;
        assertEquals("50 % of data-sheet bandwidth", limits.share(result(GELU, "sdae", seconds)));
        seconds = PRODUCT.flops() / 247.25e12;
        assertEquals("25 % of data-sheet peak", limits.share(result(PRODUCT, "sdae", seconds)));
    }

    /** Another memory, another number of multiprocessors, a seventh of the board: not in the table. */
    @Test
    void boardsThatTheTableDoesNotNameHaveNoShares() {
        for (DeviceFacts other : List.of(
                new DeviceFacts("NVIDIA H100 PCIe", 90, 114, 50L << 20, 1.755, 1.593, 13010),
                new DeviceFacts("NVIDIA H100 80GB HBM3", 90, 16, 6L << 20, 1.98, 2.619, 13010),
                new DeviceFacts("NVIDIA H100 80GB HBM3 MIG 1g.10gb", 90, 132, 6L << 20, 1.98, 2.619, 13010))) {
            Limits limits = DataSheet.limits(other);
            assertFalse(limits.known(), other.name());
            Result result = result(GELU, "sdae", 1e-3);
            assertEquals(
                    Numbers.format(GELU.bytes() * 1e-6) + " GB/s, " + Numbers.format(GELU.flops() * 1e-6) + " GFLOP/s",
                    limits.share(result));
            String page = BenchReport.page(file(other, result), null);
            assertTrue(page.contains("none of this GPU is in the table: no shares of peaks"), page);
            assertFalse(page.contains(" %<") || page.contains("\u00a0%<"), "a share of something unknown");
        }
    }

    @Test
    void reportNamesTheGpuAndHoldsTheFigures() {
        String page =
                BenchReport.page(file(H100, result(PRODUCT, "sdae", 2e-5), result(PRODUCT, "cublaslt", 1e-5)), null);
        for (String text : List.of(
                "NVIDIA H100 80GB HBM3, compute capability 9.0, 132 multiprocessors, L2 50 MiB",
                "at most 1.98 GHz, memory 2.62 GHz",
                "knows CUDA 13.1",
                "<th scope=\"col\">of data-sheet peak</th>",
                "<th scope=\"col\">of data-sheet bandwidth</th>",
                "<td>" + Numbers.percent(PRODUCT.flops() / 2e-5 / 989e12) + "</td>",
                "<td>" + Numbers.percent(PRODUCT.bytes() / 2e-5 / 3.35e12) + "</td>",
                "cublaslt / ours",
                "0.50× [0.50, 0.50]",
                "data-sheet peak bf16 989,000 GFLOP/s")) {
            assertTrue(page.contains(text), text + " is not in " + page);
        }
    }

    @Test
    void resultsComeBackWithTheSourceOfTheirLimits(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("gpu.json");
        file(H100, result(GELU, "sdae", 1e-5)).write(file);
        ResultFile read = ResultFile.read(file);
        assertEquals(DataSheet.limits(H100), read.limits());
        assertEquals(DataSheet.header(H100), read.header());
        assertEquals("cuda", read.results().get(0).device());
        new ResultFile(Map.of(), new Limits(1, 2, 3), List.of()).write(file);
        assertEquals(new Limits(1, 2, 3), ResultFile.read(file).limits());
    }
}
