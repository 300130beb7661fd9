package sdae.gpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArchitectureTest {
    /** Registers, threads, shared bytes, and the blocks that cuda_occupancy.h of toolkit 13.0 computes for sm_80 ... sm_120. */
    @ParameterizedTest
    @CsvSource(textBlock = """
        78, 128, 24576, 6, 4, 4, 6, 6, 4
        80, 128, 24576, 6, 4, 4, 6, 6, 4
        92, 128, 40960, 4, 2, 2, 5, 5, 2
        168, 128, 39936, 3, 2, 2, 3, 3, 2
        144, 224, 68352, 1, 1, 1, 1, 1, 1
        115, 416, 68352, 1, 1, 1, 1, 1, 1
        32, 256, 0, 8, 6, 6, 8, 8, 6
        255, 256, 0, 1, 1, 1, 1, 1, 1
        40, 1024, 4096, 1, 1, 1, 1, 1, 1
        65, 1024, 0, 0, 0, 0, 0, 0, 0
        16, 32, 0, 32, 16, 24, 32, 32, 24
        24, 96, 100, 21, 16, 16, 21, 21, 16
        128, 160, 1000, 3, 3, 3, 3, 3, 3
        56, 192, 101376, 1, 1, 1, 2, 2, 1
        255, 256, 166912, 1, 0, 0, 1, 1, 0
        96, 33, 48000, 3, 2, 2, 4, 4, 2
        """)
    void occupancyIsThatOfTheToolkit(
            int registers, int threads, int shared, int sm80, int sm86, int sm89, int sm90, int sm100, int sm120) {
        assertEquals(
                List.of(sm80, sm86, sm89, sm90, sm100, sm120),
                Architecture.ALL.stream()
                        .map(a -> a.occupancy(threads, registers, shared).blocks())
                        .toList());
    }

    @Test
    void theLimitIsNamed() {
        Architecture a100 = Architecture.of("sm_80");
        assertEquals("shared", a100.occupancy(128, 92, 40_960).limit());
        assertEquals("registers", a100.occupancy(128, 168, 39_936).limit());
        assertEquals("threads", a100.occupancy(256, 32, 0).limit());
        assertEquals("blocks", a100.occupancy(32, 16, 0).limit());
        assertEquals(0.375, a100.occupancy(128, 78, 24_576).share());
        assertThrows(IllegalArgumentException.class, () -> Architecture.of("sm_75"));
    }
}
