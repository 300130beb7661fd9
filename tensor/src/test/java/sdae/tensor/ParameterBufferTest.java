package sdae.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;
import sdae.tensor.ParameterBuffer.Segment;

class ParameterBufferTest {
    private final Backend backend = new CpuBackend();

    @Test
    void studentAndTeacherLineUpOverTheirCommonSegments() {
        Parameter fixed = new Parameter("pos", 3);
        Parameter weight = new Parameter("w", 4, 5);
        Parameter head = new Parameter("head", 7);
        try (ParameterBuffer student = new ParameterBuffer(
                        backend,
                        true,
                        List.of(
                                new Segment("fixed", false, List.of(fixed)),
                                new Segment("encoder", true, List.of(weight)),
                                new Segment("decoder", true, List.of(head))));
                ParameterBuffer teacher = new ParameterBuffer(
                        backend,
                        false,
                        List.of(
                                new Segment("fixed", false, List.of(new Parameter("pos", 3))),
                                new Segment("encoder", true, List.of(new Parameter("w", 4, 5)))))) {
            assertEquals(30, student.count());
            assertFalse(fixed.trainable());
            assertFalse(teacher.get("w").trainable());
            assertEquals(
                    weight.value().address() - student.values().address(),
                    teacher.get("w").value().address() - teacher.values().address());
            assertEquals(student.grads().address(), weight.grad().address());
            head.value().set(1, 2, 3, 4, 5, 6, 7);
            assertArrayEquals(
                    new float[] {1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                    student.values(student.ranges().get(2)).toFloats());
            assertThrows(IllegalStateException.class, fixed::grad);
        }
    }

    @Test
    void aNameIsUsedOnce() {
        var twice = List.of(new Segment("s", true, List.of(new Parameter("w", 1), new Parameter("w", 2))));
        assertThrows(IllegalArgumentException.class, () -> new ParameterBuffer(backend, true, twice));
    }
}
