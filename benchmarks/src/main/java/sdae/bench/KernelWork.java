package sdae.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import sdae.tensor.Backend;
import sdae.tensor.check.KernelCase;
import sdae.tensor.check.Slot;
import sdae.tensor.check.Values;

/** One of our kernels over some copies of its tensors in turn. */
final class KernelWork implements Work {
    private final Case timed;
    private final List<KernelCase.Loaded> copies = new ArrayList<>();
    private final boolean changes;
    private int next;
    private int last;

    KernelWork(Case timed, Backend backend, int count) {
        this.timed = timed;
        changes = timed.slots().stream().anyMatch(slot -> slot.written() && slot.fill() != null);
        Values inputs = timed.inputs();
        for (int i = 0; i < count; i++) {
            copies.add(timed.checked().load(backend, inputs));
        }
    }

    /** Whether the device takes tensors of this type. */
    boolean runs() {
        try {
            run();
            return true;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    @Override
    public void run() {
        copies.get(next).run();
        last = next;
        next = next + 1 == copies.size() ? 0 : next + 1;
    }

    @Override
    public void reset() {
        if (changes) {
            copies.forEach(KernelCase.Loaded::reset);
        }
    }

    @Override
    public Map<String, double[]> outputs() {
        Map<String, double[]> outputs = new LinkedHashMap<>();
        for (Slot slot : timed.slots()) {
            if (slot.written()) {
                outputs.put(slot.name(), copies.get(last).read(slot.name()));
            }
        }
        return outputs;
    }

    @Override
    public double slack() {
        return 1;
    }

    @Override
    public void close() {
        copies.forEach(KernelCase.Loaded::close);
    }
}
