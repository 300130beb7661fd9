package sdae.tensor.cuda;

import static org.bytedeco.cuda.global.cublas.cublasLtCreate;
import static org.bytedeco.cuda.global.cublas.cublasLtGetStatusName;
import static org.bytedeco.cuda.global.cublas.cublasLtMatmul;

import java.util.HashMap;
import java.util.Map;
import org.bytedeco.cuda.cublas.cublasLtContext;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import sdae.tensor.DeviceException;

/**
 * cuBLASLt on the device's stream, with F32 sums and without TF32. A product is planned when it first comes, and the same plan
 * runs ever after; a call makes no JavaCPP pointer. The workspace is allocated once.
 */
final class CublasLt {
    /** What NVIDIA's documentation recommends for Hopper; older parts need less. */
    static final long WORKSPACE_BYTES = 32L << 20;

    /** No kernel wants more: 16 bytes are a thread's widest access and what TMA asks for. */
    private static final int MAX_ALIGNMENT = 16;

    private final CudaDevice device;
    private final Driver driver;
    private final cublasLtContext handle = new cublasLtContext();
    private final Map<CublasLtPlan.Key, CublasLtPlan> plans = new HashMap<>();
    private final boolean synchronous = Boolean.getBoolean("sdae.cuda.sync");
    private final FloatPointer one = new FloatPointer(1f);
    private final FloatPointer zero = new FloatPointer(0f);
    private final Address a = new Address();
    private final Address b = new Address();
    private final Address c = new Address();
    private final Address d = new Address();
    private final Address workspace = new Address();
    private long bias;
    private boolean timed;
    private long calls;

    /** A device address in the form that JavaCPP's glue takes; changes from call to call. */
    private static final class Address extends Pointer {
        void at(long place) {
            address = place;
        }
    }

    /** The library must be loaded: see {@link Libraries}. */
    CublasLt(CudaDevice device) {
        this.device = device;
        driver = device.driver();
        driver.enter();
        check(cublasLtCreate(handle), "cublasLtCreate");
        workspace.at(device.allocate(WORKSPACE_BYTES));
    }

    /** Whether a product that comes for the first time tries its algorithms and takes the fastest. */
    void timed(boolean on) {
        timed = on;
    }

    long calls() {
        return calls;
    }

    /** The matrices of the next {@link #run}; {@code bias}: of the epilogue, read or written, or 0. */
    CublasLt at(long a, long b, long c, long d, long bias) {
        this.a.at(a);
        this.b.at(b);
        this.c.at(c);
        this.d.at(d);
        this.bias = bias;
        return this;
    }

    /** Returns false, and does nothing, where the library has no algorithm for the product. */
    boolean run(GemmProblem problem) {
        if (problem.empty()) {
            return false;
        }
        driver.enter();
        int alignment = alignment(a) << 24 | alignment(b) << 16 | alignment(c) << 8 | alignment(d);
        CublasLtPlan.Key key = new CublasLtPlan.Key(problem, alignment);
        CublasLtPlan plan = plans.get(key);
        if (plan == null) {
            plan = new CublasLtPlan(this, key, bias);
            if (timed && plan.algorithms() > 1 && !driver.capturing()) {
                choose(plan, problem);
            }
            plans.put(key, plan);
        }
        if (plan.algorithms() == 0) {
            return false;
        }
        launch(plan, plan.chosen(), problem);
        calls++;
        if (synchronous) {
            driver.synchronize();
        }
        return true;
    }

    /** Times every algorithm on the real operands with a D apart, as D may be added to. */
    private void choose(CublasLtPlan plan, GemmProblem problem) {
        long result = d.address();
        long scratch = device.allocate(problem.resultBytes());
        try (Stopwatch watch = new Stopwatch(driver)) {
            d.at(scratch);
            double best = Double.POSITIVE_INFINITY;
            for (int i = 0; i < plan.algorithms(); i++) {
                int candidate = i;
                double time = watch.fastest(() -> launch(plan, candidate, problem));
                if (time < best) {
                    best = time;
                    plan.choose(i);
                }
            }
        } finally {
            d.at(result);
            device.free(scratch);
        }
    }

    private void launch(CublasLtPlan plan, int algorithm, GemmProblem problem) {
        if (bias != 0) {
            plan.bias(bias);
        }
        int status = cublasLtMatmul(
                handle,
                plan.description(),
                one,
                a,
                plan.layoutA(),
                b,
                plan.layoutB(),
                problem.beta() == 0 ? zero : one,
                c,
                plan.layoutD(),
                d,
                plan.layoutD(),
                plan.algorithm(algorithm),
                workspace,
                WORKSPACE_BYTES,
                driver.stream());
        if (status != 0) {
            check(status, "cublasLtMatmul of " + problem);
        }
    }

    private static int alignment(Address pointer) {
        return (int) Math.min(Long.lowestOneBit(pointer.address()), MAX_ALIGNMENT);
    }

    cublasLtContext handle() {
        return handle;
    }

    /** Throws unless {@code status} is 0. {@code what} names the call. */
    void check(int status, String what) {
        if (status != 0) {
            BytePointer name = cublasLtGetStatusName(status);
            throw new DeviceException(driver.device() + ": " + what + ": "
                    + (name == null ? "unknown status" : name.getString()) + " (" + status + ")");
        }
    }
}
