package sdae.tensor.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.DeviceException;
import sdae.tensor.Devices;
import sdae.tensor.Graph;
import sdae.tensor.Tensor;
import sdae.tensor.TestDevices;

/** What the CUDA device does beside computing, on the simulated GPU. */
class CudaDeviceTest {
    private static CudaBackend cuda;

    @BeforeAll
    static void open() {
        TestDevices.needSimulatedGpu();
        cuda = CudaBackend.open(true);
    }

    @Test
    void aDeviceIsOpenedOnceAndTheOtherOneIsRefused() {
        assertSame(cuda, Devices.open("cuda-sim"));
        DeviceException e = assertThrows(DeviceException.class, () -> Devices.open("cuda"));
        assertEquals(
                "device: this process uses cuda-sim; the other CUDA device needs a process of its own", e.getMessage());
    }

    @Test
    void memoryIsZeroedAndCounted() {
        long before = cuda.liveBytes();
        Tensor x = Tensor.persistent(cuda, DType.F32, 1000);
        assertEquals(before + 4000, cuda.liveBytes());
        assertArrayEquals(new float[1000], x.toFloats());
        x.close();
        assertEquals(before, cuda.liveBytes());
        assertThrows(IllegalStateException.class, () -> cuda.free(12345));
    }

    @Test
    void copiesLargerThanThePinnedBuffersArrive() {
        int n = (4 << 20) + 5;
        float[] values = new float[n];
        for (int i = 0; i < n; i++) {
            values[i] = i;
        }
        Tensor x = Tensor.persistent(cuda, DType.F32, n);
        for (int i = 0; i < 3; i++) {
            x.set(values);
        }
        assertArrayEquals(values, x.toFloats());
        x.close();
    }

    @Test
    void aRowThatNoKernelHoldsIsRefusedBeforeTheLaunch() {
        Tensor x = Tensor.persistent(cuda, DType.F32, 1, 4097);
        Tensor one = Tensor.persistent(cuda, DType.F32, 1);
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> cuda.layerNormForward(x, one, one, x, x, x, 1e-6f));
        assertEquals(
                "layer norm: rows of [1, 4097] must have at most 4096 values on a CUDA device, but have 4097; take"
                        + " --device cpu",
                e.getMessage());
        x.close();
        one.close();
    }

    @Test
    void aLaunchThatDoesNotFitTheKernelIsRefusedWithBothSignatures() {
        Tensor x = Tensor.persistent(cuda, DType.F32, 4);
        CudaDevice.Lazy scale = cuda.kernel("scale_f32");
        IllegalStateException e = assertThrows(
                IllegalStateException.class,
                () -> cuda.begin(scale).f32(x).scalar(1).launch(4, 1, 1));
        assertEquals(
                "sk_scale_f32: the launch passes (i64, float), but the kernel takes (i64, i64, float)", e.getMessage());
        IllegalArgumentException type = assertThrows(
                IllegalArgumentException.class, () -> cuda.begin(scale).i32(x));
        assertEquals("cuda-sim: sk_scale_f32 takes I32 here, but got F32 [4]", type.getMessage());
        x.close();
    }

    @Test
    void aMissingKernelIsNamed() {
        DeviceException e =
                assertThrows(DeviceException.class, () -> cuda.kernel("no_such").get());
        assertTrue(e.getMessage().startsWith("cuda-sim: there is no kernel sk_no_such among the "), e.getMessage());
    }

    @Test
    void aGraphRepeatsItsLaunchesAndTakesNoCopies() {
        Tensor x = Tensor.persistent(cuda, DType.F32, 3).set(1, 2, 3);
        try (Graph graph = cuda.capture(() -> cuda.scale(x, 2))) {
            assertArrayEquals(new float[] {1, 2, 3}, x.toFloats());
            graph.launch();
            graph.launch();
            assertArrayEquals(new float[] {4, 8, 12}, x.toFloats());
        }
        for (Runnable copy : new Runnable[] {() -> x.set(1, 2, 3), x::toFloats, () -> cuda.allocate(4)}) {
            IllegalStateException e = assertThrows(IllegalStateException.class, () -> cuda.capture(copy));
            assertTrue(e.getMessage().endsWith("while a graph is captured; do it before"), e.getMessage());
        }
        assertArrayEquals(new float[] {4, 8, 12}, x.toFloats());
        x.close();
    }

    @Test
    void launchesMakeNoPointers() {
        Tensor x = Tensor.persistent(cuda, DType.F32, 3);
        cuda.scale(x, 2);
        long before = Pointer.totalCount();
        for (int i = 0; i < 50; i++) {
            cuda.scale(x, 2);
        }
        assertEquals(before, Pointer.totalCount());
        x.close();
    }

    /** In a process of its own: the device is lost afterwards. */
    @Test
    void afterAFaultEveryCallThrowsTheSameErrorAndNothingIsFreed() throws IOException, InterruptedException {
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Dorg.bytedeco.javacpp.cachedir=" + System.getProperty("org.bytedeco.javacpp.cachedir"),
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Fault.class.getName())
                .redirectErrorStream(true)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, process.waitFor(), output);
        assertTrue(output.contains("FAULT cuda-sim: sk_scale_f32<<<(1, 1, 1), 256, 0 B>>>: "), output);
        assertTrue(
                output.contains("(12 bytes) and runs 4 bytes past its end (CUDA_ERROR_ILLEGAL_ADDRESS, 700)"), output);
        assertTrue(output.contains("SAME true true"), output);
    }

    /** Scales one value more than the tensor has. */
    static final class Fault {
        private Fault() {}

        public static void main(String[] arguments) {
            CudaBackend cuda = CudaBackend.open(true);
            Backend backend = cuda;
            Tensor x = Tensor.persistent(backend, DType.F32, 3);
            DeviceException first = assertThrows(DeviceException.class, () -> {
                cuda.begin(cuda.kernel("scale_f32")).f32(x).count(4).scalar(2).launch(4, 1, 1);
                x.toFloats();
            });
            System.out.println("FAULT " + first.getMessage());
            DeviceException allocation = assertThrows(DeviceException.class, () -> backend.allocate(4));
            DeviceException download = assertThrows(DeviceException.class, x::toFloats);
            System.out.println("SAME " + (first == allocation) + " " + (first == download));
            x.close();
        }
    }
}
