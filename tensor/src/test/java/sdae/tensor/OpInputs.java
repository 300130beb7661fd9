package sdae.tensor;

import java.util.ArrayList;
import java.util.List;

/** What the op under test sees: activations and parameters, in the order of their declaration. */
public final class OpInputs {
    enum Kind {
        ACTIVATION,
        PIXELS,
        PARAMETER
    }

    record Input(int[] sizes, Kind kind, float[] values) {
        boolean parameter() {
            return kind == Kind.PARAMETER;
        }

        /** As a BF16 device sees it: activations and matrices are rounded. */
        Input rounded() {
            boolean rounds = kind == Kind.ACTIVATION || (parameter() && sizes.length == 2);
            return rounds ? new Input(sizes, kind, OpCheck.rounded(values)) : this;
        }
    }

    private final List<Input> given;
    private final List<Tensor> activations = new ArrayList<>();
    private final List<Parameter> parameters = new ArrayList<>();
    private final DType dtype;
    private Tape tape;

    OpInputs(DType dtype, List<Input> given) {
        this.dtype = dtype;
        this.given = given;
        for (Input input : given) {
            if (input.parameter()) {
                parameters.add(new Parameter("p" + parameters.size(), input.sizes()));
            }
        }
    }

    public Tape tape() {
        return tape;
    }

    /** The type of activations. */
    public DType dtype() {
        return dtype;
    }

    public Tensor x(int i) {
        return activations.get(i);
    }

    public Parameter param(int i) {
        return parameters.get(i);
    }

    /** An activation without gradient; values that the reference sees too should pass through {@link OpCheck#rounded}. */
    public Tensor activation(float[] values, int... sizes) {
        return tape.empty(dtype, sizes).set(values);
    }

    List<Parameter> parameters() {
        return parameters;
    }

    /** Gives parameters their values and makes the activations, as variables if `differentiable`. */
    void fill(Tape tape, boolean differentiable) {
        this.tape = tape;
        int p = 0;
        for (Input input : given) {
            if (input.parameter()) {
                parameters.get(p++).value().set(input.values());
            } else {
                DType type = input.kind() == Kind.PIXELS ? DType.F32 : dtype;
                Tensor x = tape.empty(type, input.sizes()).set(input.values());
                activations.add(differentiable ? tape.variable(x) : x);
            }
        }
    }

    /** The gradient of every input; those of parameters less `before`, which they held. */
    List<float[]> gradients(float before) {
        List<float[]> gradients = new ArrayList<>();
        int x = 0;
        int p = 0;
        for (Input input : given) {
            if (input.parameter()) {
                float[] grad = parameters.get(p++).grad().toFloats();
                for (int k = 0; k < grad.length; k++) {
                    grad[k] -= before;
                }
                gradients.add(grad);
            } else {
                Tensor gradient = tape.gradient(activations.get(x++));
                gradients.add(gradient == null ? new float[input.values().length] : gradient.toFloats());
            }
        }
        return gradients;
    }
}
