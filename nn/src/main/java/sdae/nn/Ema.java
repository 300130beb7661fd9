package sdae.nn;

import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Tensor;

/** The teacher follows the student: teacher += (1 - momentum) * (student - teacher), one launch over a flat range. */
public final class Ema implements AutoCloseable {
    private final Backend backend;
    private final Tensor teacher;
    private final Tensor student;
    private final Tensor momentum;

    /** Both flat, of one length. */
    public Ema(Backend backend, Tensor teacher, Tensor student) {
        if (teacher.count() != student.count()) {
            throw new IllegalArgumentException(
                    "ema: teacher " + teacher.shape() + " and student " + student.shape() + " must have one length");
        }
        this.backend = backend;
        this.teacher = teacher;
        this.student = student;
        momentum = Tensor.persistent(backend, DType.F32, 1);
    }

    public void update(double value) {
        momentum.set((float) value);
        backend.ema(teacher, null, student, momentum);
    }

    @Override
    public void close() {
        momentum.close();
    }
}
