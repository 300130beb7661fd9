package sdae.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TapeTest {
    /** y = 2x; the simplest op that has a gradient. */
    private record Twice(Tensor x) implements Op {
        static Tensor apply(Tensor x) {
            Tensor y = x.tape().emptyLike(x).set(x);
            x.tape().backend().scale(y, 2);
            return x.tape().record(new Twice(x), y, x.needsGradient());
        }

        @Override
        public void backward(Tensor dy, Gradients gradients) {
            assertEquals(x.shape(), dy.shape());
            x.tape().backend().scale(dy, 2);
            gradients.passOn(x, dy);
        }
    }

    /** y = a + b, with a private gradient for b. */
    private record Add(Tensor a, Tensor b) implements Op {
        static Tensor apply(Tensor a, Tensor b) {
            Tensor y = a.tape().emptyLike(a).set(a);
            a.tape().backend().add(y, b);
            return a.tape().record(new Add(a, b), y, a.needsGradient() || b.needsGradient());
        }

        @Override
        public void backward(Tensor dy, Gradients gradients) {
            gradients.add(b, b.tape().emptyLike(b).set(dy));
            gradients.passOn(a, dy);
        }
    }

    private final Backend backend = new CpuBackend();
    private final long liveBefore = backend.liveBytes();
    private final Arena arena = new Arena(backend, true);

    @AfterEach
    void nothingIsLeftBehind() {
        arena.close();
        assertEquals(liveBefore, backend.liveBytes());
    }

    @Test
    void gradientsOfSharedInputsAddUp() {
        try (Tape tape = arena.open()) {
            Tensor x = tape.variable(tape.of(new float[] {1, 2, 3}, 3));
            Tensor y = Add.apply(Twice.apply(x), x);
            Tensor z = Add.apply(y, y);
            tape.seed(z, tape.of(new float[] {1, 10, 100}, 3));
            tape.backward();
            assertArrayEquals(new float[] {6, 60, 600}, tape.gradient(x).toFloats());
        }
    }

    @Test
    void gradientFindsItsTensorThroughReshape() {
        try (Tape tape = arena.open()) {
            Tensor x = tape.variable(tape.of(new float[] {1, 2, 3, 4}, 2, 2));
            Tensor y = Twice.apply(Twice.apply(x.reshape(4)).reshape(4, 1));
            tape.seed(y, tape.of(new float[] {1, 1, 1, 1}, 4));
            tape.backward();
            assertArrayEquals(new float[] {4, 4, 4, 4}, tape.gradient(x).toFloats());
        }
    }

    @Test
    void addressesRepeatAndNothingIsAllocatedAfterTheFirstStep() {
        List<List<Long>> addresses = new ArrayList<>();
        List<Long> live = new ArrayList<>();
        for (int step = 0; step < 3; step++) {
            List<Long> seen = new ArrayList<>();
            try (Tape tape = arena.open()) {
                Tensor x = tape.variable(tape.of(new float[100], 100));
                Tensor y = x;
                for (int i = 0; i < 5; i++) {
                    y = Add.apply(Twice.apply(y), x);
                    seen.add(y.address());
                }
                tape.seed(y, tape.of(new float[100], 100));
                tape.backward();
                seen.add(tape.gradient(x).address());
                live.add(backend.liveBytes());
            }
            addresses.add(seen);
        }
        assertEquals(addresses.get(1), addresses.get(2));
        assertEquals(live.get(1), live.get(2));
        assertEquals(live.get(2), backend.liveBytes());
    }

    /** The third step's gradient at x behind 4 layers t -> 2t + t, x being doubled before or added after them. */
    private float[] layers(Arena arena, boolean before, boolean after) {
        for (int step = 0; ; step++) {
            try (Tape tape = arena.open()) {
                Tensor x = tape.variable(tape.of(new float[] {1, 2, 3, 4}, 2, 2));
                Tensor y = before ? Twice.apply(x) : x;
                for (int i = 0; i < 4; i++) {
                    y = tape.recomputable(y, t -> Add.apply(Twice.apply(t), t));
                }
                y = after ? Add.apply(y, x) : y;
                tape.seed(y, tape.of(new float[] {1, -1, 2, 0.5f}, 2, 2));
                tape.backward();
                if (step == 2) {
                    return tape.gradient(x).toFloats();
                }
            }
        }
    }

    @Test
    void whatIsComputedAgainHasTheSameGradients() {
        try (Arena again = new Arena(backend, true).recomputing(true)) {
            for (boolean before : new boolean[] {false, true}) {
                for (boolean after : new boolean[] {false, true}) {
                    float scale = (before ? 162 : 81) + (after ? 1 : 0);
                    float[] expected = {scale, -scale, 2 * scale, scale / 2};
                    assertArrayEquals(expected, layers(arena, before, after));
                    assertArrayEquals(expected, layers(again, before, after));
                }
            }
        }
    }

    @Test
    void aSharedInputOfWhatIsComputedAgainGetsBothGradients() {
        try (Arena again = new Arena(backend, true).recomputing(true);
                Tape tape = again.open()) {
            Tensor x = tape.variable(tape.of(new float[] {1, 2}, 2));
            Tensor left = tape.recomputable(x, Twice::apply);
            Tensor right = tape.recomputable(x, t -> Twice.apply(Twice.apply(t)));
            tape.seed(Add.apply(left, right), tape.of(new float[] {1, 10}, 2));
            tape.backward();
            assertArrayEquals(new float[] {6, 60}, tape.gradient(x).toFloats());
        }
    }

    @Test
    void whatIsComputedAgainIsNotKept() {
        int depth = 50;
        int bytes = 4096;
        for (boolean recomputes : new boolean[] {false, true}) {
            try (Arena other = new Arena(backend, true).recomputing(recomputes)) {
                try (Tape tape = other.open()) {
                    Tensor y = tape.variable(tape.of(new float[bytes / 4], bytes / 4));
                    for (int i = 0; i < depth; i++) {
                        y = tape.recomputable(y, t -> Twice.apply(Twice.apply(Twice.apply(t))));
                    }
                    tape.seed(y, tape.of(new float[bytes / 4], bytes / 4));
                    tape.backward();
                }
                long most = (recomputes ? depth + 7L : 3L * depth + 4) * bytes;
                assertTrue(other.slabBytes() <= most, other.slabBytes() + " of " + most);
                assertEquals(recomputes, other.slabBytes() < 2L * depth * bytes);
            }
        }
    }

    @Test
    void backwardReusesWhatItFreed() {
        int depth = 50;
        try (Tape tape = arena.open()) {
            Tensor y = tape.variable(tape.of(new float[1024], 1024));
            for (int i = 0; i < depth; i++) {
                y = Add.apply(y, y);
            }
            tape.seed(y, tape.of(new float[1024], 1024));
            tape.backward();
        }
        // outputs, input, seed, and at most a handful of gradients
        assertTrue(arena.slabBytes() <= (depth + 6) * 4096L, "slab " + arena.slabBytes());
    }

    @Test
    void scopeFreesItsTemporariesAndRecordsNothing() {
        try (Tape tape = arena.open()) {
            Tensor x = tape.variable(tape.of(new float[] {1}, 1));
            Tensor[] inside = new Tensor[1];
            Tensor y = tape.scoped(() -> {
                inside[0] = Twice.apply(x);
                return Twice.apply(inside[0]);
            });
            assertEquals(4, y.item());
            assertTrue(!y.needsGradient());
            IllegalStateException e = assertThrows(IllegalStateException.class, () -> inside[0].address());
            assertTrue(e.getMessage().contains("[1] was freed by the tape of step 1"), e.getMessage());
        }
    }

    @Test
    void useAfterTheStepIsAnErrorThatNamesShapeAndStep() {
        Tensor x;
        try (Tape tape = arena.open()) {
            x = tape.of(new float[6], 2, 3);
        }
        IllegalStateException e = assertThrows(IllegalStateException.class, x::toFloats);
        assertEquals(
                "tensor [2, 3] was used after its step ended (step 1); copy it out with toFloats()", e.getMessage());
    }

    @Test
    void keptTensorsOutliveTheBackward() {
        try (Tape tape = arena.open()) {
            Tensor x = tape.variable(tape.of(new float[] {1}, 1));
            Tensor y = tape.keep(Twice.apply(x));
            Tensor z = Twice.apply(y);
            Tensor loss = Twice.apply(z);
            tape.backward(loss);
            assertEquals(2, y.item());
            assertThrows(IllegalStateException.class, z::item);
            assertEquals(8, tape.gradient(x).item());
        }
    }

    @Test
    void oneGradientBufferCannotBeGivenTwice() {
        record Greedy(Tensor a, Tensor b) implements Op {
            @Override
            public void backward(Tensor dy, Gradients gradients) {
                Tensor d = dy.tape().emptyLike(dy).set(dy);
                gradients.add(a, d);
                gradients.add(b, d);
            }
        }
        try (Tape tape = arena.open()) {
            Tensor a = tape.variable(tape.of(new float[1], 1));
            Tensor b = tape.variable(tape.of(new float[1], 1));
            Tensor y = tape.record(new Greedy(a, b), tape.of(new float[1], 1), true);
            assertThrows(IllegalStateException.class, () -> tape.backward(y));
        }
    }

    @Test
    void opsOnConstantsAreNotRecorded() {
        try (Tape tape = arena.open()) {
            Tensor y = Twice.apply(tape.of(new float[] {3}, 1));
            assertTrue(!y.needsGradient());
            assertThrows(IllegalStateException.class, () -> tape.backward(y));
            assertNull(tape.gradient(y));
        }
    }

    @Test
    void onlyOneStepIsOpenAtATime() {
        try (Tape tape = arena.open()) {
            assertEquals(1, tape.step());
            assertThrows(IllegalStateException.class, arena::open);
        }
    }
}
