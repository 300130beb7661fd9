package sdae.data;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 over (name, size) pairs. */
final class Fingerprint {
    private final MessageDigest digest;

    Fingerprint() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java runtime has SHA-256", e);
        }
    }

    void add(String name, long size) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        digest.update(ByteBuffer.allocate(12).putInt(bytes.length).putLong(size).flip());
        digest.update(bytes);
    }

    void add(byte[] contents) {
        digest.update(contents);
    }

    String of(int count) {
        return count + ":" + HexFormat.of().formatHex(digest.digest());
    }
}
