package sdae.io;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * Scalars for TensorBoard: TFRecord frames of Event messages.
 *
 * <pre>frame = length (u64), masked crc of length, data, masked crc of data;   mask(c) = rotr(c, 15) + 0xa282ead8</pre>
 *
 * Little-endian, CRC32C. Event: 1 wall_time (double), 2 step, 3 file_version, 5 summary {1 value {1 tag, 2 simple_value}},
 * 7 session_log {1 status}. File names carry the first step, not the clock, so that their order survives clock jumps; a
 * session start makes TensorBoard drop what an earlier file holds from that step on.
 */
public final class TensorBoardWriter implements AutoCloseable {
    private static final int VARINT = 0;
    private static final int FIXED64 = 1;
    private static final int LENGTH = 2;
    private static final int FIXED32 = 5;

    private final Disk.Out out;
    private final Clock clock;

    private TensorBoardWriter(Disk.Out out, Clock clock) {
        this.out = out;
        this.clock = clock;
    }

    /** Starts a new event file in the folder, made if missing, for scalars from {@code firstStep} on. */
    public static TensorBoardWriter open(Disk disk, Path folder, long firstStep, Clock clock) throws IOException {
        AtomicFolder.createFolders(disk, folder);
        int part = 0;
        Path file;
        do {
            file = folder.resolve(String.format("events.out.tfevents.%010d.%04d", firstStep, part++));
        } while (Files.exists(file));
        TensorBoardWriter writer = new TensorBoardWriter(disk.create(file), clock);
        writer.event(0, bytes(3, "brain.Event:2".getBytes(StandardCharsets.UTF_8)));
        if (firstStep > 0) {
            writer.event(firstStep, bytes(7, new byte[] {1 << 3 | VARINT, 1}));
        }
        return writer;
    }

    /** Writes all scalars of one step as one event. */
    public void scalars(long step, Map<String, ? extends Number> values) throws IOException {
        ByteArrayOutputStream summary = new ByteArrayOutputStream();
        for (Map.Entry<String, ? extends Number> entry : values.entrySet()) {
            ByteArrayOutputStream value = new ByteArrayOutputStream();
            value.writeBytes(bytes(1, entry.getKey().getBytes(StandardCharsets.UTF_8)));
            value.write(2 << 3 | FIXED32);
            value.writeBytes(little(4).putFloat(entry.getValue().floatValue()).array());
            summary.writeBytes(bytes(1, value.toByteArray()));
        }
        event(step, bytes(5, summary.toByteArray()));
    }

    @Override
    public void close() throws IOException {
        out.close();
    }

    private void event(long step, byte[] what) throws IOException {
        ByteArrayOutputStream event = new ByteArrayOutputStream();
        event.write(1 << 3 | FIXED64);
        event.writeBytes(little(8).putDouble(clock.millis() / 1e3).array());
        event.write(2 << 3 | VARINT);
        varint(event, step);
        event.writeBytes(what);
        byte[] data = event.toByteArray();
        byte[] length = little(8).putLong(data.length).array();
        ByteBuffer frame = little(16 + data.length);
        frame.put(length).putInt(maskedCrc(length)).put(data).putInt(maskedCrc(data));
        out.write(frame.flip());
    }

    private static byte[] bytes(int field, byte[] value) {
        ByteArrayOutputStream message = new ByteArrayOutputStream();
        message.write(field << 3 | LENGTH);
        varint(message, value.length);
        message.writeBytes(value);
        return message.toByteArray();
    }

    private static void varint(ByteArrayOutputStream to, long value) {
        long left = value;
        while ((left & ~0x7FL) != 0) {
            to.write((int) (left & 0x7F | 0x80));
            left >>>= 7;
        }
        to.write((int) left);
    }

    static int maskedCrc(byte[] data) {
        CRC32C crc = new CRC32C();
        crc.update(data);
        return Integer.rotateRight((int) crc.getValue(), 15) + 0xa282ead8;
    }

    private static ByteBuffer little(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
