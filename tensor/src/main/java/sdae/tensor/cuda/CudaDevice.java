package sdae.tensor.cuda;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Graph;
import sdae.tensor.Tensor;

/** Memory and the way to the kernels: what the methods of {@link CudaBackend} are made of. */
abstract class CudaDevice implements Backend {
    private static final int MAX_ROW = 4096;

    private final Driver driver;
    private final DeviceMemory memory;
    private final Staging staging;
    private final Modules modules;
    private final Launcher launcher;
    private final List<Long> outgrown = new ArrayList<>();
    private long workspace;
    private long workspaceBytes;
    private Stopwatch stopwatch;

    CudaDevice(boolean simulated) {
        Libraries.load(simulated);
        driver = new Driver(simulated ? "cuda-sim" : "cuda");
        memory = new DeviceMemory(driver);
        staging = new Staging(driver);
        modules = new Modules(driver, driver.facts().simulated()); // under either name
        launcher = new Launcher(driver);
    }

    /** The row length of x, for kernels that hold a row in registers ({@code kMaxCols} of rows.cuh). */
    static int row(String op, Tensor x) {
        int cols = x.shape().last();
        if (cols > MAX_ROW) {
            throw new IllegalArgumentException(op + ": rows of " + x.shape() + " must have at most " + MAX_ROW
                    + " values on a CUDA device, but have " + cols + "; take --device cpu");
        }
        return cols;
    }

    /** A kernel that is looked up at its first launch. */
    static final class Lazy {
        private final Modules modules;
        private final String name;
        private Kernel kernel;

        private Lazy(Modules modules, String name) {
            this.modules = modules;
            this.name = name;
        }

        Kernel get() {
            if (kernel == null) {
                kernel = modules.find(name);
            }
            return kernel;
        }
    }

    /** A kernel for F32 and its twin for BF16. */
    record Pair(Lazy f32, Lazy bf16) {
        Kernel of(DType dtype) {
            return switch (dtype) {
                case F32 -> f32.get();
                case BF16 -> bf16.get();
                case I32 -> throw new IllegalArgumentException("cuda: " + f32.name + " has no form for I32");
            };
        }
    }

    /** {@code sk_<function>}. */
    final Lazy kernel(String function) {
        return new Lazy(modules, "sk_" + function);
    }

    /** {@code sk_<function>_f32<variant>} and {@code sk_<function>_bf16<variant>}. */
    final Pair pair(String function, String variant) {
        return new Pair(kernel(function + "_f32" + variant), kernel(function + "_bf16" + variant));
    }

    final Pair pair(String function) {
        return pair(function, "");
    }

    /** Starts a launch of the kernel for x's type. */
    final Launcher begin(Pair pair, Tensor x) {
        return launcher.begin(pair.of(x.dtype()), x.dtype());
    }

    /** Starts a launch of a kernel whose storage type is {@code dtype}. */
    final Launcher begin(Kernel kernel, DType dtype) {
        return launcher.begin(kernel, dtype);
    }

    /** Starts a launch of a kernel without a storage type. */
    final Launcher begin(Lazy kernel) {
        return launcher.begin(kernel.get(), DType.F32);
    }

    /** The address of memory for what one function's launches hand to each other; valid until the next call. */
    final long workspace(long bytes) {
        if (bytes > workspaceBytes) {
            if (workspace != 0) {
                outgrown.add(workspace); // a captured graph may still use it
            }
            workspace = memory.allocate(bytes);
            workspaceBytes = bytes;
        }
        return workspace;
    }

    static int ceilDiv(int a, int b) {
        return (a + b - 1) / b;
    }

    final Modules modules() {
        return modules;
    }

    final Driver driver() {
        return driver;
    }

    @Override
    public final String name() {
        return driver.device();
    }

    @Override
    public final long allocate(long bytes) {
        return memory.allocate(bytes);
    }

    @Override
    public final void free(long address) {
        memory.free(address);
    }

    @Override
    public final long liveBytes() {
        return memory.live();
    }

    @Override
    public final void copy(long to, long from, long bytes) {
        memory.copy(to, from, bytes);
    }

    @Override
    public final void upload(long to, float[] from, int offset, int count) {
        staging.upload(to, from, offset, count);
    }

    @Override
    public final void upload(long to, int[] from, int offset, int count) {
        staging.upload(to, from, offset, count);
    }

    @Override
    public final void download(float[] to, int offset, long from, int count) {
        staging.download(to, offset, from, count);
    }

    @Override
    public final void download(int[] to, int offset, long from, int count) {
        staging.download(to, offset, from, count);
    }

    /** What the driver says of the device. */
    public final DeviceFacts facts() {
        return driver.facts();
    }

    /** Seconds that the device spends on what {@code work} asks it for, by CUDA events; waits for it, so no graph can hold it. */
    public final double seconds(Runnable work) {
        if (stopwatch == null) {
            stopwatch = new Stopwatch(driver);
        }
        return stopwatch.time(work);
    }

    @Override
    public final Graph capture(Runnable body) {
        return new CapturedGraph(driver, body);
    }

    @Override
    public final void fillFloats(long address, long n, float value) {
        memory.fill(address, n, Float.floatToRawIntBits(value));
    }
}
