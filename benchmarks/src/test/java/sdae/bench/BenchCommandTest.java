package sdae.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import sdae.io.ExitCode;
import sdae.tensor.TestDevices;

/** {@code bench --device}, in a process of its own, as a process has one CUDA device. */
class BenchCommandTest {
    @TempDir
    Path folder;

    private Path out;
    private Path err;

    private int bench(String... arguments) throws IOException, InterruptedException {
        out = folder.resolve("out");
        err = folder.resolve("err");
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), BenchCommand.class.getName()));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start()
                .waitFor();
    }

    private List<String> written() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void withoutAGpuOneLineSaysSo() throws Exception {
        assumeFalse(Files.exists(Path.of("/proc/driver/nvidia/version")), "there is a GPU");
        assertEquals(ExitCode.DEVICE.code(), bench("--device", "cuda", "--quick", "gelu"));
        List<String> lines = Files.readAllLines(err);
        assertEquals(1, lines.size(), lines::toString);
        assertTrue(lines.get(0).startsWith("ERROR 8: bench: cuda: "), lines.get(0));
        assertEquals("", Files.readString(out));
        assertEquals(List.of("err", "out"), written());
    }

    @Test
    void simulatedDeviceIsCheckedAndNotTimed() throws Exception {
        TestDevices.needSimulatedGpu();
        assertEquals(ExitCode.DONE.code(), bench("--device", "cuda-sim", "--peers", "dgrad"));
        String text = Files.readString(out);
        assertEquals(5, text.lines().count(), text);
        assertTrue(
                text.matches("(gemm dgrad  SMALL  (f32|bf16) +(sdae|cublaslt) +right\n){4}4 checked, all right; .*\n"),
                text);
        assertFalse(text.contains(" us") || text.contains("/s"), "a time: " + text);
        assertEquals(List.of("err", "out"), written());
    }

    @Test
    void goalsAreThoseOfTheCpu() {
        assertEquals(ExitCode.CONFIG.code(), BenchCommand.run("--goals", "--device", "cuda"));
    }
}
