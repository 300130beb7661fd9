package sdae.tensor.cuda;

import static org.bytedeco.cuda.global.cudart.cuEventCreate;
import static org.bytedeco.cuda.global.cudart.cuEventRecord;
import static org.bytedeco.cuda.global.cudart.cuEventSynchronize;
import static org.bytedeco.cuda.global.cudart.cuMemAllocHost;
import static org.bytedeco.cuda.global.cudart.cuMemcpyDtoHAsync;
import static org.bytedeco.cuda.global.cudart.cuMemcpyHtoDAsync;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.javacpp.BytePointer;

/**
 * The way between Java arrays and device memory: two pinned buffers, filled from front to back in turn. Uploads return before
 * they have happened; a buffer is filled again only after the stream has passed the last copy out of it.
 */
final class Staging {
    private static final int DISABLE_TIMING = 2;
    private static final int VALUE = 4;
    /** Copies start on such boundaries, in values. */
    private static final int ALIGNMENT = 16;
    /** Values of a buffer: 16 MiB carry 27 RGB images of 224 x 224 in one copy. */
    private static final int CAPACITY = 4 << 20;

    private final Driver driver;
    private final Buffer[] buffers;
    private int current;
    private int used;

    private static final class Buffer {
        final BytePointer memory = new BytePointer();
        final CUevent_st drained = new CUevent_st();
        final FloatBuffer floats;
        final IntBuffer ints;
        boolean waiting;

        Buffer(Driver driver) {
            long bytes = (long) CAPACITY * VALUE;
            driver.check(cuMemAllocHost(memory, bytes), "cuMemAllocHost");
            driver.check(cuEventCreate(drained, DISABLE_TIMING), "cuEventCreate");
            ByteBuffer view = memory.capacity(bytes).asByteBuffer().order(ByteOrder.nativeOrder());
            floats = view.asFloatBuffer();
            ints = view.asIntBuffer();
        }
    }

    Staging(Driver driver) {
        this.driver = driver;
        buffers = new Buffer[] {new Buffer(driver), new Buffer(driver)};
    }

    void upload(long to, float[] from, int offset, int count) {
        for (int done = 0; done < count; ) {
            int n = room(count - done);
            buffers[current].floats.put(used, from, offset + done, n);
            send(to, done, n);
            done += n;
        }
    }

    void upload(long to, int[] from, int offset, int count) {
        for (int done = 0; done < count; ) {
            int n = room(count - done);
            buffers[current].ints.put(used, from, offset + done, n);
            send(to, done, n);
            done += n;
        }
    }

    void download(float[] to, int offset, long from, int count) {
        for (int done = 0; done < count; ) {
            int n = room(count - done);
            receive(from, done, n);
            buffers[current].floats.get(used, to, offset + done, n);
            done += n;
        }
    }

    void download(int[] to, int offset, long from, int count) {
        for (int done = 0; done < count; ) {
            int n = room(count - done);
            receive(from, done, n);
            buffers[current].ints.get(used, to, offset + done, n);
            done += n;
        }
    }

    /** How many of {@code wanted} values fit from {@code used} on, after turning to the other buffer when this is full. */
    private int room(int wanted) {
        driver.enter();
        driver.notCapturing("a copy to or from the host");
        if (used == CAPACITY) {
            Buffer full = buffers[current];
            driver.check(cuEventRecord(full.drained, driver.stream()), "cuEventRecord");
            full.waiting = true;
            current = 1 - current;
            used = 0;
            Buffer next = buffers[current];
            if (next.waiting) {
                driver.check(cuEventSynchronize(next.drained), "cuEventSynchronize");
                next.waiting = false;
            }
        }
        return Math.min(wanted, CAPACITY - used);
    }

    private void send(long to, int done, int n) {
        BytePointer source = buffers[current].memory.position((long) used * VALUE);
        driver.check(
                cuMemcpyHtoDAsync(to + (long) done * VALUE, source, (long) n * VALUE, driver.stream()),
                "cuMemcpyHtoDAsync");
        used = Math.min(CAPACITY, (used + n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    }

    /** Waits for the copy; its place may be filled again at once. */
    private void receive(long from, int done, int n) {
        BytePointer target = buffers[current].memory.position((long) used * VALUE);
        driver.check(
                cuMemcpyDtoHAsync(target, from + (long) done * VALUE, (long) n * VALUE, driver.stream()),
                "cuMemcpyDtoHAsync");
        driver.synchronize();
    }
}
