package sdae.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import sdae.tensor.DType;
import sdae.tensor.check.KernelCase;
import sdae.tensor.check.KernelCheck;
import sdae.tensor.check.Slot;
import sdae.tensor.check.Values;

/**
 * A kernel at a named shape, with activations stored as {@code dtype}: what every implementation computes. It brings the
 * inputs, the values that must come out (naive double Java), bytes and FLOPs.
 *
 * <p>{@link #slots} names the tensors, their shapes and which are written: those of {@link sdae.tensor.Backend}'s method, in
 * its layouts (attention: {@code qkv} [B, N, 3, H, Dh] in, {@code out} [B, N, H, Dh] out). A slot that is written and has
 * input values is changed in place: {@code dweight} is added to.
 */
public final class Case {
    private static final long MEBI = 1 << 20;

    private final Kernel kernel;
    private final NamedShape shape;
    private final DType dtype;
    private final KernelCase checked;

    public Case(Kernel kernel, NamedShape shape, DType dtype) {
        this.kernel = kernel;
        this.shape = shape;
        this.dtype = dtype;
        checked = kernel.check(dtype, shape);
    }

    public Kernel kernel() {
        return kernel;
    }

    public NamedShape shape() {
        return shape;
    }

    /** Of activations and matrices; what is always F32 (statistics, optimizer state) stays F32. */
    public DType dtype() {
        return dtype;
    }

    /** One size of the shape by its letter. */
    public int size(String letter) {
        return shape.size(letter);
    }

    /** {@code attention fwd  VIT_B_STUDENT  f32}, as printed and as matched by patterns. */
    public String name() {
        return kernel.label() + "  " + shape.name() + "  " + dtype.name().toLowerCase(Locale.ROOT);
    }

    /** The case as a method of our backend, with its reference; null for {@link Kernel#STEP} and {@link Kernel#LOAD}. */
    KernelCase checked() {
        return checked;
    }

    private KernelCase values() {
        return Objects.requireNonNull(checked, () -> name() + " has no tensors");
    }

    /** The tensors by name; a step and a picture have none. */
    public List<Slot> slots() {
        return values().slots();
    }

    /** Values of the input slots, rounded to how they are stored; the same at every call. */
    public Values inputs() {
        return values().inputs();
    }

    /** Bytes that any implementation must move: every input read and every output written, once. 0 of a step. */
    public double bytes() {
        return checked == null ? 0 : checked.compulsoryBytes();
    }

    /** Multiplications and additions of the formula; of a step, those of its matrix products and attention. */
    public double flops() {
        return switch (kernel) {
            case STEP -> StepCost.flops(shape);
            case LOAD -> 0;
            default -> checked.flops();
        };
    }

    /** Images that one run goes through; 0 where that is no measure. */
    public int images() {
        return kernel == Kernel.STEP ? size("B") : kernel == Kernel.LOAD ? 1 : 0;
    }

    /** {@link #copies(long)} for a core of this machine. */
    public int copies() {
        return copies(Caches.l2Bytes());
    }

    /**
     * Copies of inputs and outputs to go through in turn, so that none is in a core's own cache, or a GPU's, from the last
     * time: 64 MiB or four times the L2 in all, whichever is more, but at most 1,024. A CPU's last-level cache may be
     * hundreds of MiB and shared with other machines of the host; so there this is "out of L2, maybe in L3". Flat updates
     * stream: for them it is 512 MiB, as for the copy bandwidth that they are held against.
     */
    int copies(long l2Bytes) {
        if (checked == null) {
            return 1;
        }
        long wanted = Math.max(kernel.family() == Kernel.Family.UPDATE ? 512 * MEBI : 64 * MEBI, 4 * l2Bytes);
        long each = slots().stream()
                .mapToLong(s -> (long) s.shape().count() * s.dtype().bytes())
                .sum();
        return (int) Math.min(1024, Math.max(1, (wanted + each - 1) / each));
    }

    /**
     * What is wrong with outputs that an implementation computed from {@link #inputs}, or null. Those that it has not are not
     * looked at; it must have one.
     */
    public String fault(Map<String, double[]> outputs, double slack) {
        return fault(outputs, slack, checked == null ? Map.of() : expected());
    }

    /** What must come out of the written slots, computed anew: naive double Java. */
    Map<String, double[]> expected() {
        Values values = values().expected(checked.inputs());
        Map<String, double[]> expected = new LinkedHashMap<>();
        for (Slot slot : slots()) {
            if (slot.written()) {
                expected.put(slot.name(), values.of(slot.name()));
            }
        }
        return expected;
    }

    /** The same against values of {@link #expected}. */
    String fault(Map<String, double[]> outputs, double slack, Map<String, double[]> expected) {
        if (checked == null) {
            return StepCost.fault(kernel, outputs);
        }
        int seen = 0;
        for (Slot slot : slots()) {
            double[] actual = outputs.get(slot.name());
            if (slot.written() && actual != null) {
                double[] wanted = expected.get(slot.name());
                if (actual.length != wanted.length) {
                    return slot.name() + " must have " + wanted.length + " values, but has " + actual.length;
                }
                String fault = KernelCheck.fault(slot, wanted, actual, slack);
                if (fault != null) {
                    return fault;
                }
                seen++;
            }
        }
        return seen == 0 ? "no output to check among " + outputs.keySet() : null;
    }

    @Override
    public String toString() {
        return name();
    }
}
