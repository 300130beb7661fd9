package sdae.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.Tensor;

/**
 * LARS (You et al. 2017, arXiv:1708.03888) as MAE's linear probe uses it: tensors with more than one size are decayed and
 * scaled by trust * |w| / |g|; the momentum buffer comes before the learning rate.
 */
public final class Lars implements AutoCloseable {
    private final Backend backend;
    private final double momentum;
    private final double trust;
    private final Tensor hyper;
    private final List<Launch> launches = new ArrayList<>();

    private record Launch(Parameter parameter, Tensor mu, boolean adapt) {}

    public Lars(Backend backend, ParameterBuffer parameters, double momentum, double trust) {
        this.backend = backend;
        this.momentum = momentum;
        this.trust = trust;
        hyper = Tensor.persistent(backend, DType.F32, 4);
        for (Parameter p : parameters.parameters().values()) {
            if (p.trainable()) {
                launches.add(new Launch(
                        p,
                        Tensor.persistent(backend, DType.F32, p.shape()),
                        p.shape().rank() > 1));
            }
        }
    }

    /** One step of every tensor. */
    public void step(double lr, double weightDecay) {
        step(p -> lr, weightDecay);
    }

    /** One step of every tensor, each with a learning rate of its own: heads side by side. */
    public void step(ToDoubleFunction<Parameter> lr, double weightDecay) {
        for (Launch launch : launches) {
            Parameter p = launch.parameter;
            hyper.set((float) lr.applyAsDouble(p), (float) momentum, (float) trust, (float) weightDecay);
            backend.lars(p.value(), launch.mu, p.grad(), hyper, launch.adapt);
        }
    }

    /** The momentum buffer of a parameter, of its shape. */
    public Tensor mu(Parameter parameter) {
        for (Launch launch : launches) {
            if (launch.parameter == parameter) {
                return launch.mu;
            }
        }
        throw new IllegalArgumentException("lars: " + parameter + " is not among its parameters");
    }

    @Override
    public void close() {
        hyper.close();
        launches.forEach(launch -> launch.mu.close());
    }
}
