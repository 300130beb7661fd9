package sdae.data;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import org.bytedeco.javacpp.Pointer;

/**
 * Memory outside the heap that a kernel may see, used again and again by one thread: fresh memory for each image would cost more
 * than what is done with it. It only grows, and goes when this object does, as every direct buffer.
 */
public final class NativeBuffer {
    ByteBuffer bytes = ByteBuffer.allocateDirect(0);
    IntBuffer ints;
    FloatBuffer floats;
    long address;

    /** Room for {@code count} values of {@code size} bytes; what was there may be lost. */
    void reserve(int count, int size) {
        int wanted = Math.multiplyExact(count, size);
        if (address != 0 && bytes.capacity() >= wanted) {
            return;
        }
        bytes = ByteBuffer.allocateDirect(wanted).order(ByteOrder.nativeOrder());
        ints = bytes.asIntBuffer();
        floats = bytes.asFloatBuffer();
        address = new Pointer(bytes).address();
    }
}
