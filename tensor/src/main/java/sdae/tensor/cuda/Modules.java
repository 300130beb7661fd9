package sdae.tensor.cuda;

import static org.bytedeco.cuda.global.cudart.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
import static org.bytedeco.cuda.global.cudart.cuFuncSetAttribute;
import static org.bytedeco.cuda.global.cudart.cuMemcpyDtoH;
import static org.bytedeco.cuda.global.cudart.cuModuleGetFunction;
import static org.bytedeco.cuda.global.cudart.cuModuleGetGlobal;
import static org.bytedeco.cuda.global.cudart.cuModuleLoadData;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.bytedeco.cuda.cudart.CUfunc_st;
import org.bytedeco.cuda.cudart.CUmod_st;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.SizeTPointer;
import sdae.tensor.DeviceException;

/**
 * The kernels by name. A family (one .cu file) becomes a module when the first of its kernels is asked for: from the cubin of
 * this GPU, else from PTX, which the jar has or NVRTC compiles. The PTX also tells which kernel is where and takes what.
 */
final class Modules {
    static final String FOLDER = "/sdae/kernels/cuda/";
    /** Without asking, a launch may have so much dynamic shared memory. */
    private static final int SHARED_BYTES = 48 << 10;

    private static final Pattern ENTRY = Pattern.compile("\\.entry\\s+(\\w+)\\s*\\(([^)]*)\\)");
    private static final Pattern PARAMETER = Pattern.compile("\\.param\\s+\\.(\\w+)");

    private final Driver driver;
    private final boolean simulated;
    private final Map<String, Entry> index = new HashMap<>();
    private final Map<String, String> ptx = new HashMap<>();
    private final Map<String, CUmod_st> modules = new HashMap<>();

    private record Entry(String family, int parameters, long kinds) {}

    Modules(Driver driver, boolean simulated) {
        this.driver = driver;
        this.simulated = simulated;
        byte[] families = resource("families.txt");
        if (families == null) {
            throw new DeviceException(driver.device() + ": the jar has no CUDA kernels (" + FOLDER
                    + "families.txt); build it with 'mvn -pl kernels package'");
        }
        text(families).lines().filter(family -> !family.isBlank()).forEach(this::index);
    }

    private void index(String family) {
        byte[] built = resource(family + ".ptx");
        String text = built != null ? text(built) : Nvrtc.compile(driver.device(), family);
        ptx.put(family, text);
        Matcher entry = ENTRY.matcher(text);
        while (entry.find()) {
            Matcher parameter = PARAMETER.matcher(entry.group(2));
            int count = 0;
            long kinds = 0;
            for (; parameter.find(); count++) {
                kinds |= (long) kind(parameter.group(1)) << (2 * count);
            }
            index.put(entry.group(1), new Entry(family, count, kinds));
        }
    }

    private static int kind(String type) {
        return switch (type) {
            case "u64", "s64", "b64" -> Launcher.LONG;
            case "f32" -> Launcher.FLOAT;
            default -> Launcher.INT;
        };
    }

    /** Of every kernel. */
    Set<String> names() {
        return index.keySet();
    }

    /**
     * @throws DeviceException when there is no such kernel
     */
    Kernel find(String name) {
        Entry entry = index.get(name);
        if (entry == null) {
            throw new DeviceException(driver.device() + ": there is no kernel " + name + " among the " + index.size()
                    + " of the jar's " + ptx.size() + " CUDA files");
        }
        driver.enter();
        CUmod_st module = modules.get(entry.family);
        if (module == null) {
            module = load(entry.family);
            modules.put(entry.family, module);
        }
        CUfunc_st function = new CUfunc_st();
        driver.check(cuModuleGetFunction(function, module, name), "cuModuleGetFunction of " + name);
        int[] launch = global(module, name + "_launch", 4);
        if (launch[3] > SHARED_BYTES && launch[3] <= driver.sharedLimit()) {
            driver.check(
                    cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, launch[3]),
                    "cuFuncSetAttribute: " + launch[3] + " bytes of shared memory for " + name);
        }
        return new Kernel(name, function, launch[0], launch[1], launch[2], launch[3], entry.parameters, entry.kinds);
    }

    private CUmod_st load(String family) {
        CUmod_st module = new CUmod_st();
        byte[] cubin = simulated ? null : resource(family + ".sm_" + driver.capability() + ".cubin");
        if (cubin != null) {
            try (BytePointer image = new BytePointer(cubin)) {
                driver.check(cuModuleLoadData(module, image), "cuModuleLoadData of " + family + ".cubin");
            }
        } else {
            try (BytePointer image = new BytePointer(ptx.get(family))) {
                driver.check(cuModuleLoadData(module, image), "cuModuleLoadData of " + family + ".ptx");
            }
        }
        return module;
    }

    private int[] global(CUmod_st module, String name, int count) {
        long[] address = new long[1];
        int[] values = new int[count];
        try (SizeTPointer bytes = new SizeTPointer(1);
                IntPointer memory = new IntPointer(count)) {
            driver.check(cuModuleGetGlobal(address, bytes, module, name), "cuModuleGetGlobal of " + name);
            long wanted = (long) count * Integer.BYTES;
            if (bytes.get() != wanted) {
                throw new DeviceException(
                        driver.device() + ": " + name + " has " + bytes.get() + " bytes, not " + wanted);
            }
            driver.check(cuMemcpyDtoH(memory, address[0], wanted), "cuMemcpyDtoH of " + name);
            memory.get(values);
        }
        return values;
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    static byte[] resource(String name) {
        try (InputStream in = Modules.class.getResourceAsStream(FOLDER + name)) {
            return in == null ? null : in.readAllBytes();
        } catch (IOException e) {
            throw new DeviceException("cuda: " + FOLDER + name + " in the jar cannot be read: " + e.getMessage(), e);
        }
    }
}
