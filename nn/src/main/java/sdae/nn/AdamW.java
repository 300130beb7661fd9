package sdae.nn;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tensor;

/**
 * AdamW with decoupled decay (Loshchilov and Hutter 2019, arXiv:1711.05101) over the trained segments of a buffer: one
 * launch a segment, which also rounds the new values, clears the gradients and moves a teacher. Moments are F32 and lie like
 * the gradients.
 */
public final class AdamW implements AutoCloseable {
    /** What a segment multiplies the step's learning rate and weight decay with. */
    public interface Scales {
        double lr(ParameterBuffer.Segment segment);

        double decay(ParameterBuffer.Segment segment);
    }

    private final Backend backend;
    private final ParameterBuffer parameters;
    private final Scales scales;
    private final double beta1;
    private final double beta2;
    private final double eps;
    private final Tensor m;
    private final Tensor v;
    /** Eight values a launch, then the teacher's momentum. */
    private final Tensor hyper;

    private final float[] hyperValues;
    private final Tensor momentum;
    private final List<Launch> launches = new ArrayList<>();
    private final List<Copy> fixed = new ArrayList<>();
    private long steps;

    private static final int HYPER = 8;

    /** The views of one launch, made once. */
    private record Launch(
            ParameterBuffer.Segment segment,
            Tensor value,
            Tensor low,
            Tensor m,
            Tensor v,
            Tensor grad,
            Tensor hyper,
            Tensor teacher,
            Tensor teacherLow) {}

    /** A segment that is not trained, but averaged by the teacher. */
    private record Copy(Tensor teacher, Tensor low, Tensor student) {}

    public AdamW(Backend backend, ParameterBuffer parameters, Scales scales, double beta1, double beta2, double eps) {
        this(backend, parameters, null, scales, beta1, beta2, eps);
    }

    /** {@code teacher} (nullable) lies like the first segments of the parameters and can follow them: see {@link #prepare}. */
    public AdamW(
            Backend backend,
            ParameterBuffer parameters,
            ParameterBuffer teacher,
            Scales scales,
            double beta1,
            double beta2,
            double eps) {
        this.backend = backend;
        this.parameters = parameters;
        this.scales = scales;
        this.beta1 = beta1;
        this.beta2 = beta2;
        this.eps = eps;
        m = Tensor.persistent(backend, DType.F32, parameters.grads().count());
        v = Tensor.persistent(backend, DType.F32, parameters.grads().count());
        List<ParameterBuffer.Range> ranges = parameters.ranges();
        hyperValues = new float[HYPER * ranges.size() + 1];
        hyper = Tensor.persistent(backend, DType.F32, hyperValues.length);
        momentum = hyper.slice(hyperValues.length - 1, 1);
        for (int i = 0; i < ranges.size(); i++) {
            ParameterBuffer.Range range = ranges.get(i);
            boolean followed = teacher != null && i < teacher.ranges().size();
            if (range.count() > 0) {
                add(range, followed ? teacher : null);
            }
        }
    }

    private void add(ParameterBuffer.Range range, ParameterBuffer teacher) {
        Tensor followed = teacher == null ? null : teacher.values(range);
        Tensor low = teacher == null ? null : teacher.low(range);
        if (range.gradStart() >= 0) {
            launches.add(new Launch(
                    range.segment(),
                    parameters.values(range),
                    parameters.low(range),
                    m.slice(range.gradStart(), range.count()),
                    v.slice(range.gradStart(), range.count()),
                    parameters.grads(range),
                    hyper.slice(HYPER * launches.size(), HYPER),
                    followed,
                    low));
        } else if (teacher != null) {
            fixed.add(new Copy(followed, low, parameters.values(range)));
        }
    }

    /** One step with this learning rate and weight decay; gradients are multiplied by gradScale first and zero afterwards. */
    public void step(double lr, double weightDecay, double gradScale) {
        prepare(lr, weightDecay, gradScale, 0);
        apply(false);
    }

    /** Brings the numbers of the next step to the device. */
    public void prepare(double lr, double weightDecay, double gradScale, double teacherMomentum) {
        steps++;
        double correction1 = 1 - Math.pow(beta1, (double) steps);
        double correction2 = 1 - Math.pow(beta2, (double) steps);
        int at = 0;
        for (Launch launch : launches) {
            hyperValues[at++] = (float) (lr * scales.lr(launch.segment));
            hyperValues[at++] = (float) beta1;
            hyperValues[at++] = (float) beta2;
            hyperValues[at++] = (float) eps;
            hyperValues[at++] = (float) (weightDecay * scales.decay(launch.segment));
            hyperValues[at++] = (float) correction1;
            hyperValues[at++] = (float) correction2;
            hyperValues[at++] = (float) gradScale;
        }
        hyperValues[hyperValues.length - 1] = (float) teacherMomentum;
        hyper.set(hyperValues);
    }

    /** The prepared step: launches only. With {@code follow}, the teacher moves too: + (1 - momentum) * (new - teacher). */
    public void apply(boolean follow) {
        for (Launch launch : launches) {
            backend.adamw(
                    launch.value,
                    launch.low,
                    launch.m,
                    launch.v,
                    launch.grad,
                    follow ? launch.teacher : null,
                    follow ? launch.teacherLow : null,
                    launch.hyper,
                    momentum);
        }
        if (follow) {
            fixed.forEach(copy -> backend.ema(copy.teacher, copy.low, copy.student, momentum));
        }
    }

    /** L2 norm of all gradients. */
    public double gradientNorm() {
        return Math.sqrt(backend.sumSquares(parameters.grads()));
    }

    /** Steps taken so far. */
    public long steps() {
        return steps;
    }

    /** Sets the step count when a run is resumed. */
    public void resumeAt(long steps) {
        this.steps = steps;
    }

    /** First moments, laid out like the gradients. */
    public Tensor firstMoments() {
        return m;
    }

    /** Second moments, laid out like the gradients. */
    public Tensor secondMoments() {
        return v;
    }

    @Override
    public void close() {
        m.close();
        v.close();
        hyper.close();
    }
}
