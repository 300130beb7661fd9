package sdae.tensor.check;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Graph;
import sdae.tensor.Philox;
import sdae.tensor.Tensor;

/**
 * One method of {@link Backend} at one shape: how to call it, on which inputs, and what must come out.
 *
 * <p>Nothing is allocated before {@link #inputs()} or {@link #load}.
 */
public final class KernelCase {
    /** Calls the kernel on tensors by name. */
    @FunctionalInterface
    public interface Call {
        void run(Backend backend, Map<String, Tensor> tensors);
    }

    /** The same in double: reads inputs, writes {@code out}, which holds zeros or, for changed tensors, their values before. */
    @FunctionalInterface
    public interface Reference {
        void run(Values in, Values out);
    }

    private static final long SEED = 20_260_101;

    private final String kernel;
    private final String shape;
    private final DType dtype;
    private final List<Slot> slots = new ArrayList<>();
    private long terms = 1;
    private Call call;
    private Reference reference;
    private boolean recordable = true;
    private double flops;
    private long mma;

    private KernelCase(String kernel, String shape, DType dtype) {
        this.kernel = kernel;
        this.shape = shape;
        this.dtype = dtype;
    }

    /** {@code kernel} is the method's name; {@code dtype} what activations are stored as. */
    static KernelCase of(String kernel, String shape, DType dtype) {
        return new KernelCase(kernel, shape, dtype);
    }

    // ---- declaration, in this order: terms, tensors, looser tolerances, call, reference, cost ----

    /** How many products the longest sum of an output has. */
    KernelCase terms(long count) {
        terms = count;
        return this;
    }

    /** An activation that is read: normal numbers. */
    KernelCase in(String name, int... sizes) {
        return in(name, Fill.NORMAL, sizes);
    }

    KernelCase in(String name, Fill fill, int... sizes) {
        return add(Slot.of(name, dtype, fill, false, sizes));
    }

    /** F32 whatever the storage: parameter vectors, statistics, images, scales. */
    KernelCase floats(String name, Fill fill, int... sizes) {
        return add(Slot.of(name, DType.F32, fill, false, sizes));
    }

    KernelCase ids(String name, Fill fill, int... sizes) {
        return add(Slot.of(name, DType.I32, fill, false, sizes));
    }

    /** An activation that is written. */
    KernelCase out(String name, int... sizes) {
        return add(Slot.of(name, dtype, null, true, sizes));
    }

    KernelCase outFloats(String name, int... sizes) {
        return add(Slot.of(name, DType.F32, null, true, sizes));
    }

    KernelCase outIds(String name, int... sizes) {
        return add(Slot.of(name, DType.I32, null, true, sizes));
    }

    /** Written in that type, whatever activations are. */
    KernelCase outAs(DType type, String name, int... sizes) {
        return add(Slot.of(name, type, null, true, sizes));
    }

    /** A parameter gradient, which is added to. */
    KernelCase adds(String name, int... sizes) {
        return changes(name, Fill.NORMAL, sizes);
    }

    /** An activation that is changed in place. */
    KernelCase inPlace(String name, int... sizes) {
        return inPlace(name, Fill.NORMAL, sizes);
    }

    KernelCase inPlace(String name, Fill fill, int... sizes) {
        return add(Slot.of(name, dtype, fill, true, sizes));
    }

    /** F32 state that is changed in place. */
    KernelCase changes(String name, Fill fill, int... sizes) {
        return add(Slot.of(name, DType.F32, fill, true, sizes));
    }

    private KernelCase add(Slot slot) {
        boolean exact = slot.dtype() == DType.I32;
        slots.add(slot.with(exact ? Tolerance.EXACT : Tolerance.of(slot.dtype(), terms)));
        return this;
    }

    /** A looser tolerance of one output, with its reason. */
    KernelCase loosen(String name, double factor, String why) {
        return change(name, slot -> slot.with(slot.tolerance().times(factor, why)));
    }

    /** Every output must have the bits of the reference. */
    KernelCase exact() {
        slots.replaceAll(slot -> slot.with(Tolerance.EXACT));
        return this;
    }

    /** Bytes that must be moved for a tensor of which the kernel needs a part only. */
    KernelCase traffic(String name, long bytes) {
        return change(name, slot -> slot.withTraffic(bytes));
    }

    private KernelCase change(String name, UnaryOperator<Slot> change) {
        slots.replaceAll(slot -> slot.name().equals(name) ? change.apply(slot) : slot);
        return this;
    }

    /** The call brings a value to the host, so no graph can record it. */
    KernelCase answersHost() {
        recordable = false;
        return this;
    }

    KernelCase run(Call call) {
        this.call = call;
        return this;
    }

    KernelCase reference(Reference reference) {
        this.reference = reference;
        return this;
    }

    KernelCase flops(double flops) {
        this.flops = flops;
        return this;
    }

    /** m16n8k16 instructions that the products take when each size is padded to the tile. */
    KernelCase mma(long count) {
        mma = count;
        return this;
    }

    // ---- what it is ----

    /** The method of {@link Backend}. */
    public String kernel() {
        return kernel;
    }

    /** The sizes, e.g. {@code B1 N50 H12 Dh64}. */
    public String shape() {
        return shape;
    }

    public DType dtype() {
        return dtype;
    }

    public List<Slot> slots() {
        return List.copyOf(slots);
    }

    /** Every input read once, every output written once. */
    public long compulsoryBytes() {
        return slots.stream().mapToLong(Slot::traffic).sum();
    }

    /** Multiplications and additions of the method's formula. */
    public double flops() {
        return flops;
    }

    /** The least m16n8k16 instructions; 0 for kernels without matrix products. */
    public long mmaMinimum() {
        return mma;
    }

    @Override
    public String toString() {
        return kernel + " " + dtype.name().toLowerCase(java.util.Locale.ROOT) + " " + shape;
    }

    // ---- what it does ----

    /** The inputs, rounded to how they are stored; the same at every call. */
    public Values inputs() {
        Values values = new Values();
        for (int i = 0; i < slots.size(); i++) {
            Slot slot = slots.get(i);
            if (slot.isInput()) {
                double[] array = new double[slot.shape().count()];
                slot.fill()
                        .fill(
                                array,
                                new Philox(
                                        SEED,
                                        Philox.Purpose.EVALUATION,
                                        i,
                                        toString().hashCode()),
                                values);
                Storage.round(array, slot.dtype());
                values.put(slot.name(), array);
            }
        }
        return values;
    }

    /** What must come out, in double. */
    public Values expected(Values inputs) {
        Values out = new Values();
        for (Slot slot : slots) {
            if (slot.written()) {
                out.put(
                        slot.name(),
                        slot.isInput()
                                ? inputs.of(slot.name()).clone()
                                : new double[slot.shape().count()]);
            }
        }
        reference.run(inputs, out);
        return out;
    }

    /** The tensors on a device: inputs uploaded, outputs full of NaN. */
    public Loaded load(Backend backend, Values inputs) {
        return new Loaded(backend, inputs);
    }

    /** A case on a device. */
    public final class Loaded implements AutoCloseable {
        private final Backend backend;
        private final Values inputs;
        private final Map<String, Tensor> tensors = new LinkedHashMap<>();

        private Loaded(Backend backend, Values inputs) {
            this.backend = backend;
            this.inputs = inputs;
            for (Slot slot : slots) {
                tensors.put(slot.name(), Tensor.persistent(backend, slot.dtype(), slot.shape()));
            }
            reset();
        }

        /** Puts the tensors back as they were before {@link #run}. */
        public void reset() {
            for (Slot slot : slots) {
                Storage.upload(tensors.get(slot.name()), slot.isInput() ? inputs.of(slot.name()) : null);
            }
        }

        public void run() {
            call.run(backend, tensors);
        }

        /** Records {@link #run} as a graph and runs that; returns false where the device or the call has none. */
        public boolean replay() {
            Graph graph = recordable ? backend.capture(this::run) : null;
            if (graph == null) {
                return false;
            }
            try (graph) {
                graph.launch();
            }
            return true;
        }

        /** What a tensor holds now. */
        public double[] read(String name) {
            return Storage.download(tensors.get(name));
        }

        @Override
        public void close() {
            tensors.values().forEach(Tensor::close);
        }
    }
}
