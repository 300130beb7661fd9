package sdae.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SlabLayoutTest {
    private final SlabLayout layout = new SlabLayout();

    @Test
    void freedNeighboursMakeRoomForALargerBlock() {
        long a = layout.take(64);
        long b = layout.take(128);
        long c = layout.take(64);
        long end = layout.take(64);
        layout.give(a, 64);
        layout.give(c, 64);
        layout.give(b, 128);
        assertEquals(a, layout.take(256), "three free neighbours are one range");
        assertEquals(320, layout.most());
        assertEquals(256, end);
    }

    @Test
    void theSmallestRangeThatFitsIsTaken() {
        long large = layout.take(256);
        layout.take(64);
        long small = layout.take(128);
        layout.take(64);
        layout.give(large, 256);
        layout.give(small, 128);
        assertEquals(small, layout.take(128));
        assertEquals(large, layout.take(64));
        assertEquals(large + 64, layout.take(192));
    }

    @Test
    void aFreeTailGrows() {
        layout.take(64);
        long tail = layout.take(64);
        layout.give(tail, 64);
        assertEquals(tail, layout.take(512));
        assertEquals(576, layout.most());
    }

    @Test
    void takenRangesNeverOverlap() {
        Random random = new Random(1);
        List<long[]> taken = new ArrayList<>();
        long live = 0;
        long mostLive = 0;
        for (int i = 0; i < 5000; i++) {
            if (taken.isEmpty() || random.nextInt(5) < 3 && live < 100_000) {
                long bytes = 64L * (1 + random.nextInt(50));
                long[] range = {layout.take(bytes), bytes};
                for (long[] other : taken) {
                    assertTrue(range[0] + bytes <= other[0] || other[0] + other[1] <= range[0]);
                }
                taken.add(range);
                live += bytes;
            } else {
                long[] range = taken.remove(random.nextInt(taken.size()));
                layout.give(range[0], range[1]);
                live -= range[1];
            }
            mostLive = Math.max(mostLive, live);
        }
        taken.forEach(range -> layout.give(range[0], range[1]));
        assertEquals(0, layout.take(layout.most()), "all is one free range again");
        assertTrue(layout.most() >= mostLive && layout.most() < 2 * mostLive);
    }
}
