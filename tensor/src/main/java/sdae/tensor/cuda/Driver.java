package sdae.tensor.cuda;

import static org.bytedeco.cuda.global.cudart.CUDA_ERROR_OUT_OF_MEMORY;
import static org.bytedeco.cuda.global.cudart.CU_DEVICE_ATTRIBUTE_CLOCK_RATE;
import static org.bytedeco.cuda.global.cudart.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static org.bytedeco.cuda.global.cudart.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static org.bytedeco.cuda.global.cudart.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE;
import static org.bytedeco.cuda.global.cudart.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
import static org.bytedeco.cuda.global.cudart.CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE;
import static org.bytedeco.cuda.global.cudart.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
import static org.bytedeco.cuda.global.cudart.CU_STREAM_NON_BLOCKING;
import static org.bytedeco.cuda.global.cudart.cuCtxSetCurrent;
import static org.bytedeco.cuda.global.cudart.cuDeviceGet;
import static org.bytedeco.cuda.global.cudart.cuDeviceGetAttribute;
import static org.bytedeco.cuda.global.cudart.cuDeviceGetCount;
import static org.bytedeco.cuda.global.cudart.cuDeviceGetName;
import static org.bytedeco.cuda.global.cudart.cuDevicePrimaryCtxRetain;
import static org.bytedeco.cuda.global.cudart.cuDriverGetVersion;
import static org.bytedeco.cuda.global.cudart.cuGetErrorName;
import static org.bytedeco.cuda.global.cudart.cuGetErrorString;
import static org.bytedeco.cuda.global.cudart.cuInit;
import static org.bytedeco.cuda.global.cudart.cuStreamCreate;
import static org.bytedeco.cuda.global.cudart.cuStreamSynchronize;

import java.nio.charset.StandardCharsets;
import org.bytedeco.cuda.cudart.CUctx_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerPointer;
import sdae.tensor.DeviceException;

/**
 * The driver API: one device, its primary context, one stream. An error that leaves the context unusable is remembered:
 * every later call throws it again.
 */
final class Driver {
    private static final double KILOHERTZ_IN_GHZ = 1e6;

    private final String device;
    private final int ordinal;
    private final CUctx_st context = new CUctx_st();
    private final CUstream_st stream = new CUstream_st();
    private final String gpu;
    private final int capability;
    private final int sharedLimit;
    private Thread bound;
    private boolean capturing;
    private DeviceException broken;
    /** The kernel that was launched last: the likely cause of an error that arrives later. */
    private Kernel last;

    /** Libraries must be loaded: see {@link Libraries}. */
    Driver(String device) {
        this.device = device;
        check(cuInit(0), "cuInit");
        int[] value = new int[1];
        check(cuDeviceGetCount(value), "cuDeviceGetCount");
        if (value[0] == 0) {
            throw new DeviceException(device + ": the driver finds no GPU; see nvidia-smi");
        }
        check(cuDeviceGet(value, 0), "cuDeviceGet");
        ordinal = value[0];
        check(cuDevicePrimaryCtxRetain(context, ordinal), "cuDevicePrimaryCtxRetain");
        bind();
        check(cuStreamCreate(stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
        byte[] name = new byte[256];
        check(cuDeviceGetName(name, name.length, ordinal), "cuDeviceGetName");
        gpu = new String(name, StandardCharsets.UTF_8).split("\0", 2)[0];
        int major = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
        int minor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
        sharedLimit = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
        capability = 10 * major + minor;
        if (capability < 80) {
            throw new DeviceException(device + ": " + gpu + " has compute capability " + major + "." + minor
                    + "; the kernels need 8.0 or newer");
        }
    }

    private int attribute(int which) {
        int[] value = new int[1];
        check(cuDeviceGetAttribute(value, which, ordinal), "cuDeviceGetAttribute");
        return value[0];
    }

    DeviceFacts facts() {
        enter();
        int[] cuda = new int[1];
        check(cuDriverGetVersion(cuda), "cuDriverGetVersion");
        return new DeviceFacts(
                gpu,
                capability,
                attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
                attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE),
                attribute(CU_DEVICE_ATTRIBUTE_CLOCK_RATE) / KILOHERTZ_IN_GHZ,
                attribute(CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE) / KILOHERTZ_IN_GHZ,
                cuda[0]);
    }

    /** The name that users give: {@code cuda} or {@code cuda-sim}. */
    String device() {
        return device;
    }

    /** What the driver calls the GPU. */
    String gpu() {
        return gpu;
    }

    /** E.g. 80 for compute capability 8.0. */
    int capability() {
        return capability;
    }

    /** Bytes of shared memory that a block may ask for. */
    int sharedLimit() {
        return sharedLimit;
    }

    CUstream_st stream() {
        return stream;
    }

    boolean broken() {
        return broken != null;
    }

    /** While launches are recorded for a graph. */
    void capturing(boolean on) {
        capturing = on;
    }

    boolean capturing() {
        return capturing;
    }

    /** Throws while launches are recorded: what a graph cannot repeat would be lost. */
    void notCapturing(String what) {
        if (capturing) {
            throw new IllegalStateException(device + ": " + what + " while a graph is captured; do it before");
        }
    }

    /** To be called before every use of the device: makes its context this thread's. */
    void enter() {
        if (broken != null) {
            throw broken;
        }
        if (Thread.currentThread() != bound) {
            bind();
        }
    }

    private void bind() {
        check(cuCtxSetCurrent(context), "cuCtxSetCurrent");
        bound = Thread.currentThread();
    }

    void launched(Kernel kernel) {
        last = kernel;
    }

    /** Waits for all that was asked for. */
    void synchronize() {
        enter();
        check(cuStreamSynchronize(stream), "cuStreamSynchronize");
    }

    /** Throws unless {@code code} is 0. {@code what} names the call. */
    void check(int code, String what) {
        if (code != 0) {
            throw failed(code, what);
        }
    }

    /** As {@link #check}, naming a launch with its geometry. */
    void check(int code, Kernel kernel, int x, int y, int z) {
        if (code != 0) {
            throw failed(code, kernel.describe(x, y, z));
        }
    }

    private DeviceException failed(int code, String what) {
        StringBuilder text = new StringBuilder(device).append(": ").append(what).append(": ");
        text.append(text(code, true))
                .append(" (")
                .append(text(code, false))
                .append(", ")
                .append(code)
                .append(')');
        boolean lasting = lasting(code);
        if (lasting && last != null && !what.startsWith(last.name())) {
            text.append("; the last kernel launched was ").append(last.name());
            text.append(", rerun with -Dsdae.cuda.sync=true to find the one that failed");
        }
        DeviceException error = new DeviceException(text.toString());
        if (lasting && broken == null) {
            broken = error;
        }
        return error;
    }

    /** The driver's words for an error: its explanation, or its name. */
    private static String text(int code, boolean explanation) {
        try (PointerPointer<BytePointer> text = new PointerPointer<>(1)) {
            text.put(0, (BytePointer) null);
            int known = explanation ? cuGetErrorString(code, text) : cuGetErrorName(code, text);
            BytePointer bytes = known == 0 ? text.get(BytePointer.class, 0) : null;
            return bytes == null ? "unknown error" : bytes.getString(StandardCharsets.UTF_8);
        }
    }

    /** Whether the context is unusable after this error. */
    private static boolean lasting(int code) {
        return switch (code) {
            case 214, 700, 801, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 999 -> true;
            default -> false;
        };
    }

    static boolean outOfMemory(int code) {
        return code == CUDA_ERROR_OUT_OF_MEMORY;
    }
}
