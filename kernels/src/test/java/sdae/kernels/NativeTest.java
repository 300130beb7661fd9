package sdae.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class NativeTest {
    @BeforeAll
    static void load() {
        Kernels.load();
    }

    @Test
    void everyInstructionSetUpToTheBestCanBeForced() {
        String best = Kernels.isa();
        assertTrue(Kernels.useIsa("base"));
        assertEquals("base", Kernels.isa());
        assertFalse(Kernels.useIsa("sse9"));
        assertEquals("base", Kernels.isa());
        assertTrue(Kernels.useIsa("auto"));
        assertEquals(best, Kernels.isa());
    }

    @Test
    void allocatorCountsLiveBytesAndKeepsItsLimit() {
        long before = Native.sk_live_bytes();
        long p = Native.sk_alloc(1000);
        assertEquals(0, p % 64);
        assertEquals(before + 1000, Native.sk_live_bytes());
        Native.sk_free(p);
        assertEquals(before, Native.sk_live_bytes());

        long limit = Native.sk_memory_limit();
        Native.sk_set_memory_limit(before + (1 << 20));
        try {
            RuntimeException refused = assertThrows(RuntimeException.class, () -> Native.sk_alloc(2 << 20));
            assertTrue(refused.getMessage().startsWith("memory: 2.0 MiB asked"), refused.getMessage());
            assertEquals(before, Native.sk_live_bytes());
        } finally {
            Native.sk_set_memory_limit(limit);
        }
    }

    @Test
    void probesMeasureSomethingAndGiveTheirMemoryBack() {
        long before = Native.sk_live_bytes();
        String used = Kernels.isa();
        for (String isa : Kernels.ISAS) {
            if (Kernels.useIsa(isa)) {
                assertTrue(Native.sk_probe_fma_gflops(0.01) > 1, isa);
                assertTrue(Native.sk_probe_bf16_gflops(0.01) > 1, isa);
            }
        }
        assertTrue(Kernels.useIsa(used));
        assertTrue(Native.sk_probe_copy_gbs(0.01) > 0.1);
        assertEquals(before, Native.sk_live_bytes());
    }

    @Test
    void scratchPastTheLimitIsAnErrorOfTheCallAndThePoolGoesOn() {
        int rows = 64;
        int width = 96;
        long x = Native.sk_alloc(4L * rows * width);
        long weight = Native.sk_alloc(4L * width * width);
        long y = Native.sk_alloc(4L * rows * width);
        int threads = Native.sk_threads();
        long limit = Native.sk_memory_limit();
        Native.sk_set_threads(3);
        try {
            Native.sk_set_memory_limit(Native.sk_live_bytes());
            assertThrows(
                    RuntimeException.class,
                    () -> Native.sk_linear_forward(y, x, weight, 0, rows, width, width, Native.SK_F32),
                    "packing the weight needs scratch");
            Native.sk_set_memory_limit(limit);
            Native.sk_linear_forward(y, x, weight, 0, rows, width, width, Native.SK_F32);
        } finally {
            Native.sk_set_memory_limit(limit);
            Native.sk_set_threads(threads);
            Native.sk_free(x);
            Native.sk_free(weight);
            Native.sk_free(y);
        }
    }
}
