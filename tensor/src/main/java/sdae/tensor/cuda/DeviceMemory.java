package sdae.tensor.cuda;

import static org.bytedeco.cuda.global.cudart.cuMemAlloc;
import static org.bytedeco.cuda.global.cudart.cuMemFree;
import static org.bytedeco.cuda.global.cudart.cuMemcpyDtoDAsync;
import static org.bytedeco.cuda.global.cudart.cuMemsetD32Async;
import static org.bytedeco.cuda.global.cudart.cuMemsetD8Async;

import java.util.HashMap;
import java.util.Map;
import sdae.tensor.DeviceException;

/** Device memory: counted, limited, zeroed. */
final class DeviceMemory {
    private final Driver driver;
    private final Map<Long, Long> sizes = new HashMap<>();
    private final long limit = Long.getLong("sdae.cuda.memory", Long.MAX_VALUE);
    private long live;

    DeviceMemory(Driver driver) {
        this.driver = driver;
    }

    /** Zeroed memory; the driver aligns it to 256 bytes. */
    long allocate(long bytes) {
        driver.enter();
        driver.notCapturing("allocation");
        if (bytes == 0) {
            return 0;
        }
        if (bytes > limit - live) {
            throw full(bytes, "and the limit is " + limit + " (-Dsdae.cuda.memory)");
        }
        long[] address = new long[1];
        int code = cuMemAlloc(address, bytes);
        if (Driver.outOfMemory(code)) {
            throw full(bytes, "and the device has no more");
        }
        driver.check(code, "cuMemAlloc");
        driver.check(cuMemsetD8Async(address[0], (byte) 0, bytes, driver.stream()), "cuMemsetD8Async");
        sizes.put(address[0], bytes);
        live += bytes;
        return address[0];
    }

    private DeviceException full(long bytes, String why) {
        return new DeviceException("memory: " + driver.device() + ": " + bytes + " bytes wanted, " + live + " in use, "
                + why + "; lower train.batch and raise train.accumulate as much");
    }

    /** Waits for the device, then frees; does nothing once the device has failed. */
    void free(long address) {
        if (address == 0 || driver.broken()) {
            return;
        }
        Long bytes = sizes.remove(address);
        if (bytes == null) {
            throw new IllegalStateException(
                    driver.device() + ": free of 0x" + Long.toHexString(address) + ", which is not allocated");
        }
        live -= bytes;
        driver.notCapturing("release of memory");
        driver.synchronize();
        driver.check(cuMemFree(address), "cuMemFree");
    }

    long live() {
        return live;
    }

    void copy(long to, long from, long bytes) {
        driver.enter();
        if (bytes > 0) {
            driver.check(cuMemcpyDtoDAsync(to, from, bytes, driver.stream()), "cuMemcpyDtoDAsync");
        }
    }

    /** n values of 4 bytes. */
    void fill(long address, long n, int bits) {
        driver.enter();
        if (n > 0) {
            driver.check(cuMemsetD32Async(address, bits, n, driver.stream()), "cuMemsetD32Async");
        }
    }
}
