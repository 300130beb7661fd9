package sdae.tensor.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.DeviceException;
import sdae.tensor.Devices;
import sdae.tensor.GemmChoice;
import sdae.tensor.Tensor;
import sdae.tensor.TestDevices;
import sdae.tensor.check.KernelCase;
import sdae.tensor.check.KernelCases;
import sdae.tensor.check.KernelCheck;

/**
 * How cuBLASLt is called, on the simulated GPU: a stand-in for the library checks every descriptor, layout and pointer and
 * computes the product. NVIDIA's library is not run.
 */
class CublasLtTest {
    private static CudaBackend cuda;

    @BeforeAll
    static void open() {
        TestDevices.needSimulatedGpu();
        cuda = CudaBackend.open(true);
    }

    @AfterEach
    void own() {
        cuda.useGemm(GemmChoice.OWN, false);
    }

    /** The same device, its products by the own kernels. */
    private static Backend byOwnKernels() {
        return (Backend) Proxy.newProxyInstance(
                Backend.class.getClassLoader(), new Class<?>[] {Backend.class}, (proxy, method, arguments) -> {
                    cuda.useGemm(GemmChoice.OWN, false);
                    try {
                        return method.invoke(cuda, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    } finally {
                        cuda.useGemm(GemmChoice.CUBLASLT, false);
                    }
                });
    }

    private static List<KernelCase> linear(DType dtype) {
        return KernelCases.small(dtype).stream()
                .filter(c -> c.kernel().startsWith("linear"))
                .toList();
    }

    /** Whether the product of this case is one for the library: {@link CublasLtGemm} has the table. */
    private static boolean expected(KernelCase one) {
        boolean biased = !one.shape().endsWith("no bias");
        return switch (one.kernel()) {
            case "linearBackwardInput", "linearBackwardWeight" -> true;
            case "linearForward" -> one.dtype() == DType.F32 || !biased;
            case "linearGeluForward" -> one.dtype() == DType.F32;
            default -> one.dtype() == DType.F32 && !one.shape().contains(" S");
        };
    }

    @Test
    void theLinearLayersAgreeWithTheReferenceAndWithTheOwnKernels() {
        Backend own = byOwnKernels();
        for (DType dtype : List.of(DType.F32, DType.BF16)) {
            cuda.useGemm(GemmChoice.CUBLASLT, false);
            for (KernelCase one : linear(dtype)) {
                long before = cuda.cublasLtCalls();
                KernelCheck.Outcome outcome = KernelCheck.check(one, cuda, own);
                assertTrue(outcome.ok(), one + ": " + outcome.fault());
                assertTrue(outcome.peer() <= 2, one + " differs from the own kernel's: " + outcome.peer());
                boolean refused = one.shape().startsWith("R1 in1 out1"); // the stand-in has no algorithm for k = 1
                int runs = 3; // eagerly, again, and into a graph
                assertEquals(expected(one) && !refused ? runs : 0, cuda.cublasLtCalls() - before, "calls for " + one);
            }
        }
    }

    /** A gradient is added to once, however often its algorithms were tried. */
    @Test
    void timingTheAlgorithmsChangesNoResult() {
        int rows = 44;
        int in = 20;
        int out = 28;
        Tensor dy = filled(rows, out);
        Tensor x = filled(rows, in);
        Tensor byOwn = filled(out, in);
        Tensor timed = filled(out, in);
        cuda.linearBackwardWeight(byOwn, null, dy, x);
        cuda.useGemm(GemmChoice.CUBLASLT, true); // allocates the library's workspace
        long live = cuda.liveBytes();
        cuda.linearBackwardWeight(timed, null, dy, x);
        assertEquals(live, cuda.liveBytes(), "what was timed into is freed");
        assertArrayEquals(byOwn.toFloats(), timed.toFloats(), 1e-4f);
        for (Tensor t : List.of(dy, x, byOwn, timed)) {
            t.close();
        }
    }

    private static Tensor filled(int rows, int cols) {
        Tensor t = Tensor.persistent(cuda, DType.F32, rows, cols);
        float[] values = new float[rows * cols];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) Math.sin(i);
        }
        t.set(values);
        return t;
    }

    @Test
    void autoIsTheOwnKernelOnTheSimulatedGpu() {
        for (DType dtype : List.of(DType.F32, DType.BF16)) {
            cuda.useGemm(GemmChoice.AUTO, false);
            long before = cuda.cublasLtCalls();
            KernelCase one = linear(dtype).get(0);
            assertTrue(KernelCheck.check(one, cuda, null).ok());
            assertEquals(before, cuda.cublasLtCalls());
        }
    }

    @Test
    void theCpuHasNoCublasLt() {
        DeviceException e = assertThrows(DeviceException.class, () -> Devices.open("cpu", GemmChoice.CUBLASLT, false));
        assertTrue(e.getMessage().startsWith("device.gemm=cublaslt: there is no cuBLASLt on cpu"), e.getMessage());
    }
}
