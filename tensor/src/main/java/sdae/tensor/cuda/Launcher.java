package sdae.tensor.cuda;

import static org.bytedeco.cuda.global.cudart.cuLaunchKernel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerPointer;
import sdae.tensor.DType;
import sdae.tensor.DeviceException;
import sdae.tensor.Tensor;

/**
 * Launches kernels from parameter memory that is allocated once, so that a launch makes no object:
 *
 * <pre>launcher.begin(kernel, dtype).storage(y, x).f32(gamma).size(rows, cols).scalar(eps).launch(rows, 1, 1);</pre>
 *
 * Parameters go in the kernel's order. Their number and kinds (8 bytes, int, float) are checked against the kernel's.
 */
final class Launcher {
    /** Kinds of parameters, two bits each, the first in the lowest. */
    static final int LONG = 1;

    static final int INT = 2;
    static final int FLOAT = 3;
    static final int MAX_PARAMETERS = 32;
    private static final int SLOT = 8;
    private static final int MAX_BLOCKS_YZ = 65_535;

    private final Driver driver;
    private final boolean synchronous = Boolean.getBoolean("sdae.cuda.sync");
    private final PointerPointer<BytePointer> arguments = new PointerPointer<>(MAX_PARAMETERS);
    private final ByteBuffer values;
    private final CUstream_st stream;
    private Kernel kernel;
    private DType dtype;
    private int count;
    private long kinds;
    private long launches;

    Launcher(Driver driver) {
        this.driver = driver;
        stream = driver.stream();
        BytePointer memory = new BytePointer((long) MAX_PARAMETERS * SLOT);
        values = memory.asByteBuffer().order(ByteOrder.nativeOrder());
        for (int i = 0; i < MAX_PARAMETERS; i++) {
            arguments.put(i, memory.getPointer((long) i * SLOT));
        }
    }

    /** Starts a launch; {@code dtype} is what {@link #storage} takes. */
    Launcher begin(Kernel kernel, DType dtype) {
        driver.enter();
        this.kernel = kernel;
        this.dtype = dtype;
        count = 0;
        kinds = 0;
        return this;
    }

    /** Tensors of the kernel's storage type. */
    Launcher storage(Tensor t) {
        return address(require(t, dtype).address());
    }

    Launcher storage(Tensor a, Tensor b) {
        return storage(a).storage(b);
    }

    Launcher storage(Tensor a, Tensor b, Tensor c) {
        return storage(a).storage(b).storage(c);
    }

    Launcher storageOrNull(Tensor t) {
        return t == null ? address(0) : storage(t);
    }

    Launcher f32(Tensor t) {
        return address(require(t, DType.F32).address());
    }

    Launcher f32(Tensor a, Tensor b) {
        return f32(a).f32(b);
    }

    Launcher f32(Tensor a, Tensor b, Tensor c) {
        return f32(a).f32(b).f32(c);
    }

    Launcher f32OrNull(Tensor t) {
        return t == null ? address(0) : f32(t);
    }

    Launcher bf16(Tensor t) {
        return address(require(t, DType.BF16).address());
    }

    Launcher bf16OrNull(Tensor t) {
        return t == null ? address(0) : bf16(t);
    }

    Launcher i32(Tensor t) {
        return address(require(t, DType.I32).address());
    }

    Launcher i32(Tensor a, Tensor b, Tensor c) {
        return i32(a).i32(b).i32(c);
    }

    Launcher i32OrNull(Tensor t) {
        return t == null ? address(0) : i32(t);
    }

    /** A pointer, or a count of 64 bits. */
    Launcher address(long value) {
        values.putLong(slot(LONG), value);
        return this;
    }

    Launcher count(long n) {
        return address(n);
    }

    Launcher size(int n) {
        values.putInt(slot(INT), n);
        return this;
    }

    Launcher size(int a, int b) {
        return size(a).size(b);
    }

    Launcher size(int a, int b, int c) {
        return size(a).size(b).size(c);
    }

    Launcher size(int a, int b, int c, int d) {
        return size(a, b).size(c, d);
    }

    Launcher flag(boolean on) {
        return size(on ? 1 : 0);
    }

    Launcher scalar(float value) {
        values.putFloat(slot(FLOAT), value);
        return this;
    }

    private int slot(int kind) {
        if (count == MAX_PARAMETERS) {
            throw new IllegalStateException(kernel.name() + ": more than " + MAX_PARAMETERS + " parameters");
        }
        kinds |= (long) kind << (2 * count);
        return SLOT * count++;
    }

    /** Launches over so many items of x, y and z; nothing to do where one of them is 0. */
    void launch(long itemsX, long itemsY, int itemsZ) {
        if (count != kernel.parameters() || kinds != kernel.kinds()) {
            throw new IllegalStateException(kernel.name() + ": the launch passes " + describe(count, kinds)
                    + ", but the kernel takes " + describe(kernel.parameters(), kernel.kinds()));
        }
        if (itemsX == 0 || itemsY == 0 || itemsZ == 0) {
            return;
        }
        if (itemsZ > MAX_BLOCKS_YZ) {
            throw new DeviceException(driver.device() + ": " + kernel.name() + ": " + itemsZ
                    + " blocks in z, more than " + MAX_BLOCKS_YZ);
        }
        int x = blocks(itemsX, kernel.itemsX(), Integer.MAX_VALUE);
        int y = blocks(itemsY, kernel.itemsY(), MAX_BLOCKS_YZ);
        driver.launched(kernel);
        launches++;
        int code = cuLaunchKernel(
                kernel.function(), x, y, itemsZ, kernel.threads(), 1, 1, kernel.shared(), stream, arguments, null);
        driver.check(code, kernel, x, y, itemsZ);
        if (synchronous) {
            driver.synchronize();
        }
    }

    private int blocks(long items, int each, int limit) {
        long blocks = (items + each - 1) / each;
        if (blocks > limit) {
            throw new DeviceException(driver.device() + ": " + kernel.name() + ": " + items + " items make " + blocks
                    + " blocks, more than " + limit);
        }
        return (int) blocks;
    }

    /** Launches so far. */
    long launches() {
        return launches;
    }

    private Tensor require(Tensor t, DType wanted) {
        if (t.dtype() != wanted) {
            throw new IllegalArgumentException(
                    driver.device() + ": " + kernel.name() + " takes " + wanted + " here, but got " + t);
        }
        return t;
    }

    private static String describe(int count, long kinds) {
        StringBuilder text = new StringBuilder("(");
        for (int i = 0; i < count; i++) {
            String kind = switch ((int) (kinds >>> (2 * i)) & 3) {
                case LONG -> "i64";
                case INT -> "int";
                default -> "float";
            };
            text.append(i == 0 ? "" : ", ").append(kind);
        }
        return text.append(')').toString();
    }
}
