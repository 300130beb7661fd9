package sdae.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TensorBoardWriterTest {
    private static final Clock CLOCK = Clock.fixed(Instant.ofEpochMilli(1_500), ZoneOffset.UTC);

    @TempDir
    Path folder;

    /** CRC32C bit by bit, polynomial 0x1EDC6F41 reflected. */
    private static int crc32c(byte[] data) {
        int crc = ~0;
        for (byte b : data) {
            crc ^= b & 0xFF;
            for (int bit = 0; bit < 8; bit++) {
                crc = crc >>> 1 ^ ((crc & 1) != 0 ? 0x82F63B78 : 0);
            }
        }
        return ~crc;
    }

    private static int masked(byte[] data) {
        int crc = crc32c(data);
        return (crc >>> 15 | crc << 17) + 0xa282ead8;
    }

    private static List<byte[]> records(Path file) throws IOException {
        ByteBuffer in = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        List<byte[]> records = new ArrayList<>();
        while (in.hasRemaining()) {
            byte[] length = new byte[8];
            in.get(length);
            assertEquals(masked(length), in.getInt(), "checksum of the length");
            byte[] data = new byte
                    [(int) ByteBuffer.wrap(length)
                            .order(ByteOrder.LITTLE_ENDIAN)
                            .getLong()];
            in.get(data);
            assertEquals(masked(data), in.getInt(), "checksum of the data");
            records.add(data);
        }
        return records;
    }

    @Test
    void checksumIsTheOneOfRfc3720() {
        assertEquals(0xE3069283, crc32c("123456789".getBytes(StandardCharsets.US_ASCII)));
        assertEquals(0x8A9136AA, crc32c(new byte[32]));
    }

    @Test
    void framesAndEventsAreThoseOfTensorBoard() throws IOException {
        try (TensorBoardWriter writer = TensorBoardWriter.open(Disk.real(), folder.resolve("tb"), 0, CLOCK)) {
            writer.scalars(300, Map.of("loss", 0.75));
        }
        List<byte[]> records = records(folder.resolve("tb/events.out.tfevents.0000000000.0000"));
        assertEquals(2, records.size());
        String time = "09" + "000000000000f83f"; // field 1, double 1.5
        String version = HexFormat.of().formatHex("brain.Event:2".getBytes(StandardCharsets.US_ASCII));
        assertArrayEquals(HexFormat.of().parseHex(time + "1000" + "1a0d" + version), records.get(0));
        String value = "0a04" + "6c6f7373" + "15" + "0000403f"; // tag "loss", float 0.75
        assertArrayEquals(
                HexFormat.of().parseHex(time + "10ac02" + "2a0d" + "0a0b" + value), records.get(1)); // step 300
    }

    @Test
    void resumedRunStartsANewFileThatHidesLaterSteps() throws IOException {
        for (int part = 0; part < 2; part++) {
            TensorBoardWriter.open(Disk.real(), folder, 7, CLOCK).close();
            List<byte[]> records = records(folder.resolve("events.out.tfevents.0000000007.000" + part));
            String start = "09" + "000000000000f83f" + "1007" + "3a02" + "0801";
            assertArrayEquals(HexFormat.of().parseHex(start), records.get(1));
        }
    }
}
