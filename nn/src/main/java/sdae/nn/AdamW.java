package sdae.nn;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tensor;

/**
 * AdamW with decoupled decay (Loshchilov and Hutter 2019, arXiv:1711.05101) over the trained segments of a buffer: one
 * launch a segment. Moments are F32 and lie like the gradients.
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
    private final Tensor hyper;
    private final List<Launch> launches = new ArrayList<>();
    private long steps;

    /** The views of one launch, made once. */
    private record Launch(ParameterBuffer.Segment segment, Tensor value, Tensor m, Tensor v, Tensor grad) {}

    public AdamW(Backend backend, ParameterBuffer parameters, Scales scales, double beta1, double beta2, double eps) {
        this.backend = backend;
        this.parameters = parameters;
        this.scales = scales;
        this.beta1 = beta1;
        this.beta2 = beta2;
        this.eps = eps;
        m = Tensor.persistent(backend, DType.F32, parameters.grads().count());
        v = Tensor.persistent(backend, DType.F32, parameters.grads().count());
        hyper = Tensor.persistent(backend, DType.F32, 8);
        for (ParameterBuffer.Range range : parameters.ranges()) {
            if (range.gradStart() >= 0 && range.count() > 0) {
                launches.add(new Launch(
                        range.segment(),
                        parameters.values(range),
                        m.slice(range.gradStart(), range.count()),
                        v.slice(range.gradStart(), range.count()),
                        parameters.grads(range)));
            }
        }
    }

    /** One step with this learning rate and weight decay; gradients are multiplied by gradScale first. */
    public void step(double lr, double weightDecay, double gradScale) {
        steps++;
        double correction1 = 1 - Math.pow(beta1, (double) steps);
        double correction2 = 1 - Math.pow(beta2, (double) steps);
        for (Launch launch : launches) {
            hyper.set(
                    (float) (lr * scales.lr(launch.segment)),
                    (float) beta1,
                    (float) beta2,
                    (float) eps,
                    (float) (weightDecay * scales.decay(launch.segment)),
                    (float) correction1,
                    (float) correction2,
                    (float) gradScale);
            backend.adamw(launch.value, launch.m, launch.v, launch.grad, hyper);
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
