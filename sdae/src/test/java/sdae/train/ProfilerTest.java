package sdae.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.DType;
import sdae.tensor.Devices;
import sdae.tensor.Tensor;
import sdae.tensor.TestDevices;

class ProfilerTest {
    @Test
    void whatAKernelChangesInPlaceIsReadAndWritten() {
        Profiler profiler = new Profiler(new CpuBackend());
        Backend backend = profiler.backend();
        Tensor[] flat = new Tensor[5];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = Tensor.persistent(backend, DType.F32, 100);
        }
        Tensor hyper = Tensor.persistent(backend, DType.F32, 8);
        Tensor momentum = Tensor.persistent(backend, DType.F32, 1);
        hyper.set(0, 0, 0, 1, 0, 1, 1, 1);

        profiler.count(true);
        backend.adamw(flat[0], null, flat[1], flat[2], flat[3], null, null, hyper, null);
        assertEquals(4 * (4 * 2 * 100 + 8), profiler.parts().get("adamw").bytes());
        backend.adamw(flat[0], null, flat[1], flat[2], flat[3], flat[4], null, hyper, momentum);
        assertEquals(
                4 * (4 * 2 * 100 + 8) + 4 * (5 * 2 * 100 + 8 + 1),
                profiler.parts().get("adamw").bytes());
        backend.geluForward(flat[0], flat[1]);
        assertEquals(4 * 2 * 100, profiler.parts().get("geluForward").bytes());

        for (Tensor t : flat) {
            t.close();
        }
        hyper.close();
        momentum.close();
    }

    @Test
    void onACudaDeviceEventsGiveTheTimeAndTheResultIsTheSame() {
        TestDevices.needSimulatedGpu();
        Backend cuda = Devices.open("cuda-sim");
        Profiler profiler = new Profiler(cuda, true);
        Tensor x = Tensor.persistent(cuda, DType.F32, 3);
        x.set(3, 4, 0);
        profiler.count(true);
        assertEquals(25, profiler.backend().sumSquares(x));
        profiler.backend().scale(x, 2);
        assertArrayEquals(new float[] {6, 8, 0}, x.toFloats());
        assertEquals(1, profiler.parts().get("scale").calls());
        assertTrue(profiler.parts().get("scale").seconds() > 0);
        x.close();
    }
}
