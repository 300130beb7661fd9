package sdae.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class HashesTest {
    /** FIPS 180-2, appendix B.1. */
    private static final String ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    private static final String EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    @TempDir
    Path folder;

    @Test
    void textAndFileAreThePublishedVectors() throws IOException {
        assertEquals(ABC, Hashes.ofText("abc"));
        assertEquals(EMPTY, Hashes.ofText(""));
        assertEquals(ABC, Hashes.ofFile(Files.writeString(folder.resolve("f"), "abc")));
    }

    @Test
    void folderIsTheHashOfItsListInByteOrder() throws IOException {
        Files.writeString(folder.resolve("b"), "abc");
        Files.writeString(Files.createDirectory(folder.resolve("a")).resolve("x"), "");
        Files.writeString(folder.resolve("Z"), "");
        Files.createDirectory(folder.resolve("empty"));
        String list = EMPTY + "  Z\n" + EMPTY + "  a/x\n" + ABC + "  b\n";
        assertEquals(Hashes.ofText(list), Hashes.ofFolder(folder));
        Files.move(folder.resolve("Z"), folder.resolve("z"));
        assertNotEquals(Hashes.ofText(list), Hashes.ofFolder(folder));
    }

    @Test
    void userErrorIsOneLineWithItsCode() {
        assertEquals("ERROR 4: no good checkpoint", new UserError(ExitCode.CHECKPOINT, "no good checkpoint").line());
        assertEquals("a\\u001B[0m\\u000A", Printable.of("a\u001b[0m\n"));
    }
}
