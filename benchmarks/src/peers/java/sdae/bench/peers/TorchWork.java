package sdae.bench.peers;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import sdae.bench.Case;
import sdae.bench.Work;
import sdae.tensor.check.Slot;
import sdae.tensor.check.Values;

/** A libtorch op over the copies of its tensors in turn. */
final class TorchWork implements Work {
    /** What one copy of the tensors is computed with, and what comes out; made once, run often. */
    interface Prepared {
        void run();

        /** Outputs that are not in the case's own tensors, by slot name. */
        default Map<String, Tensor> results() {
            return Map.of();
        }

        /** Gives up the outputs of the last run that are not in the case's own tensors. */
        default void close() {}
    }

    private final Case of;
    private final double slack;
    private final List<String> outputs;
    private final List<TorchTensors> copies = new ArrayList<>();
    private final List<Prepared> prepared = new ArrayList<>();
    private final Map<String, Tensor> changed = new HashMap<>();
    /** Every handle made here. A view that is left to the garbage collector keeps its tensor's memory for minutes. */
    private final PointerScope handles;

    private int next;
    private int last;

    /**
     * @param outputs the slots that this implementation writes
     * @param prepare from one copy of the tensors to what is run
     */
    TorchWork(Case of, double slack, List<String> outputs, Function<TorchTensors, Prepared> prepare) {
        this.of = of;
        this.slack = slack;
        this.outputs = outputs;
        Values values = of.inputs();
        try (PointerScope scope = new PointerScope()) {
            for (int i = 0; i < of.copies(); i++) {
                TorchTensors tensors = new TorchTensors(of, values);
                copies.add(tensors);
                if (i == 0) {
                    for (Slot slot : of.slots()) {
                        if (slot.written() && slot.fill() != null && outputs.contains(slot.name())) {
                            changed.put(slot.name(), tensors.get(slot.name()).clone());
                        }
                    }
                }
                prepared.add(Torch.withoutGradients(() -> prepare.apply(tensors)));
            }
            handles = scope.extend(); // past this block, to close()
        }
    }

    @Override
    public void run() {
        last = next;
        Prepared body = prepared.get(next);
        next = next + 1 == prepared.size() ? 0 : next + 1;
        Torch.freed(() -> {
            body.run();
            return null;
        });
    }

    @Override
    public void reset() {
        Torch.withoutGradients(() -> {
            copies.forEach(tensors -> changed.forEach(tensors::restore));
            return null;
        });
    }

    @Override
    public Map<String, double[]> outputs() {
        Map<String, double[]> values = new HashMap<>();
        Map<String, Tensor> results = prepared.get(last).results();
        for (String name : outputs) {
            Tensor tensor = results.containsKey(name)
                    ? results.get(name)
                    : copies.get(last).get(name);
            values.put(name, doubles(tensor));
        }
        return values;
    }

    private static double[] doubles(Tensor tensor) {
        return Torch.freed(() -> {
            Tensor dense = tensor.detach().to(torch.ScalarType.Double).contiguous();
            double[] values = new double[Math.toIntExact(dense.numel())];
            dense.data_ptr_double().get(values);
            return values;
        });
    }

    @Override
    public double slack() {
        return slack;
    }

    @Override
    public void close() {
        prepared.forEach(Prepared::close);
        handles.close();
    }

    @Override
    public String toString() {
        return "libtorch " + of;
    }
}
