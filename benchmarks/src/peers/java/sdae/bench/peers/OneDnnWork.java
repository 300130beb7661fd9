package sdae.bench.peers;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_BIAS;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.ShortPointer;
import sdae.bench.Case;
import sdae.bench.Work;
import sdae.tensor.DType;
import sdae.tensor.check.Slot;
import sdae.tensor.check.Values;

/** A product in oneDNN over the copies of its tensors in turn; primitives and their arguments are made once. */
final class OneDnnWork implements Work {
    private static final int TRIALS = 7;

    /** How the product is called; a library has several ways. */
    private interface Form {
        void run(Copy copy);

        /** Whether the bias is part of it; it is then added after the fact, before the result is checked. */
        boolean hasBias();
    }

    /** The memory of one copy: operands, destination, and the bias or null. */
    private record Copy(memory a, memory b, memory dst, memory bias, IntMemoryMap arguments) {
        static Copy of(memory a, memory b, memory dst, memory bias) {
            IntMemoryMap arguments = new IntMemoryMap();
            arguments.put(DNNL_ARG_SRC, a).put(DNNL_ARG_WEIGHTS, b).put(DNNL_ARG_DST, dst);
            if (bias != null) {
                arguments.put(DNNL_ARG_BIAS, bias);
            }
            return new Copy(a, b, dst, bias, arguments);
        }

        void close() {
            arguments.close();
            for (memory m : new memory[] {a, b, dst, bias}) {
                if (m != null) {
                    m.close();
                }
            }
        }
    }

    private final Case of;
    private final Product product;
    private final Values values;
    private final engine cpu = new engine(engine.kind.cpu, 0);
    private final stream queue = new stream(cpu);
    private final List<Copy> copies = new ArrayList<>();
    private Form form;
    private int next;
    private int last;

    private OneDnnWork(Case of, Product product) {
        this.of = of;
        this.product = product;
        values = of.inputs();
    }

    /** All operands as they are stored; the faster of the library's two ways. */
    static Work plain(Case of, Product product) {
        OneDnnWork work = new OneDnnWork(of, product);
        matmul.primitive_desc made = work.describe(layout(product.bTransposed()));
        work.fill(made);
        work.form = work.matmul(made);
        if (of.dtype() == DType.F32) {
            Form sgemm = work.sgemm();
            work.form = work.seconds(sgemm) < work.seconds(work.form) ? sgemm : work.form;
        }
        return work;
    }

    /** The second operand in the layout that the primitive asks for. */
    static Work packed(Case of, Product product) {
        OneDnnWork work = new OneDnnWork(of, product);
        matmul.primitive_desc made = work.describe(memory.format_tag.any);
        work.fill(made);
        work.form = work.matmul(made);
        return work;
    }

    private static memory.format_tag layout(boolean transposed) {
        return transposed ? memory.format_tag.ba : memory.format_tag.ab;
    }

    private memory.data_type type(String name) {
        for (Slot slot : of.slots()) {
            if (slot.name().equals(name)) {
                return slot.dtype() == DType.BF16 ? memory.data_type.bf16 : memory.data_type.f32;
            }
        }
        throw new IllegalArgumentException("onednn: " + of + " has no " + name);
    }

    private memory.desc described(String name, int rows, int cols, memory.format_tag layout) {
        return new memory.desc(new long[] {rows, cols}, type(name), layout);
    }

    private memory.desc a() {
        return described(product.a(), product.m(), product.k(), layout(product.aTransposed()));
    }

    private memory.desc b(memory.format_tag layout) {
        return described(product.b(), product.k(), product.n(), layout);
    }

    private memory.desc dst() {
        return described(product.dst(), product.m(), product.n(), memory.format_tag.ab);
    }

    private memory.desc bias() {
        return described(product.bias(), 1, product.n(), memory.format_tag.ab);
    }

    private matmul.primitive_desc describe(memory.format_tag second) {
        primitive_attr attributes = new primitive_attr();
        if (product.adds()) {
            post_ops after = new post_ops();
            after.append_sum();
            attributes.set_post_ops(after);
        }
        return product.bias() == null
                ? new matmul.primitive_desc(cpu, a(), b(second), dst(), attributes, false)
                : new matmul.primitive_desc(cpu, a(), b(second), bias(), dst(), attributes, false);
    }

    /** Makes the copies; the second operand goes into the layout of the primitive. */
    private void fill(matmul.primitive_desc made) {
        for (int i = 0; i < of.copies(); i++) {
            memory a = filled(a(), product.a());
            memory b = filled(b(layout(product.bTransposed())), product.b());
            if (made.weights_desc().notEquals(b.get_desc())) {
                memory packed = new memory(made.weights_desc(), cpu);
                new reorder(b, packed).execute(queue, b, packed);
                queue._wait();
                b.close();
                b = packed;
            }
            memory dst = new memory(dst(), cpu);
            copies.add(Copy.of(a, b, dst, product.bias() == null ? null : filled(bias(), product.bias())));
        }
        reset();
    }

    private memory filled(memory.desc as, String name) {
        memory made = new memory(as, cpu);
        put(made, name);
        return made;
    }

    private void put(memory to, String name) {
        double[] from = values.of(name);
        if (type(name) == memory.data_type.f32) {
            float[] floats = new float[from.length];
            for (int i = 0; i < floats.length; i++) {
                floats[i] = (float) from[i];
            }
            new FloatPointer(to.get_data_handle()).put(floats);
        } else {
            short[] halves = new short[from.length];
            for (int i = 0; i < halves.length; i++) {
                halves[i] = (short) (Float.floatToRawIntBits((float) from[i]) >>> 16); // has been rounded already
            }
            new ShortPointer(to.get_data_handle()).put(halves);
        }
    }

    private Form matmul(matmul.primitive_desc made) {
        matmul primitive = new matmul(made);
        return new Form() {
            @Override
            public void run(Copy copy) {
                primitive.execute(queue, copy.arguments);
                queue._wait();
            }

            @Override
            public boolean hasBias() {
                return true;
            }
        };
    }

    /** The bare product: beta = 1 adds to what is there, but there is no bias. */
    private Form sgemm() {
        byte ta = (byte) (product.aTransposed() ? 'T' : 'N');
        byte tb = (byte) (product.bTransposed() ? 'T' : 'N');
        int lda = product.aTransposed() ? product.m() : product.k();
        int ldb = product.bTransposed() ? product.k() : product.n();
        float beta = product.adds() ? 1 : 0;
        return new Form() {
            @Override
            public void run(Copy copy) {
                FloatPointer a = new FloatPointer(copy.a.get_data_handle());
                FloatPointer b = new FloatPointer(copy.b.get_data_handle());
                FloatPointer dst = new FloatPointer(copy.dst.get_data_handle());
                int failed = dnnl.dnnl_sgemm(
                        ta, tb, product.m(), product.n(), product.k(), 1, a, lda, b, ldb, beta, dst, product.n());
                if (failed != 0) {
                    throw new IllegalStateException("onednn: dnnl_sgemm of " + of + " answered " + failed);
                }
            }

            @Override
            public boolean hasBias() {
                return false;
            }
        };
    }

    /** The best of a few runs over the copies. */
    private double seconds(Form tried) {
        double best = Double.POSITIVE_INFINITY;
        for (int i = 0; i < TRIALS; i++) {
            long start = System.nanoTime();
            tried.run(copies.get(i % copies.size()));
            best = Math.min(best, (System.nanoTime() - start) * 1e-9);
        }
        return best;
    }

    @Override
    public void run() {
        form.run(copies.get(next));
        last = next;
        next = next + 1 == copies.size() ? 0 : next + 1;
    }

    @Override
    public void reset() {
        if (product.adds()) {
            copies.forEach(copy -> put(copy.dst, product.dst()));
        }
    }

    @Override
    public Map<String, double[]> outputs() {
        memory dst = copies.get(last).dst;
        double[] result = new double[Math.multiplyExact(product.m(), product.n())];
        if (type(product.dst()) == memory.data_type.f32) {
            float[] floats = new float[result.length];
            new FloatPointer(dst.get_data_handle()).get(floats);
            for (int i = 0; i < result.length; i++) {
                result[i] = floats[i];
            }
        } else {
            short[] halves = new short[result.length];
            new ShortPointer(dst.get_data_handle()).get(halves);
            for (int i = 0; i < result.length; i++) {
                result[i] = Float.intBitsToFloat(halves[i] << 16);
            }
        }
        if (product.bias() != null && !form.hasBias()) {
            double[] bias = values.of(product.bias());
            for (int i = 0; i < result.length; i++) {
                result[i] += bias[i % bias.length];
            }
        }
        return Map.of(product.dst(), result);
    }

    @Override
    public void close() {
        copies.forEach(Copy::close);
        queue.close();
        cpu.close();
    }

    @Override
    public String toString() {
        return "onednn " + of;
    }
}
