package sdae.tensor;

import java.util.Arrays;
import java.util.List;

/**
 * The devices beside the CPU that tests run on: {@code cuda-sim}, or those of {@code -Dsdae.test.devices=cuda} (comma separated,
 * may be empty).
 */
public final class TestDevices {
    private static final List<Backend> OTHERS = open();

    private TestDevices() {}

    public static List<Backend> others() {
        return OTHERS;
    }

    private static List<Backend> open() {
        String names = System.getProperty("sdae.test.devices", "cuda-sim");
        return Arrays.stream(names.split(",", -1))
                .filter(name -> !name.isBlank())
                .map(Devices::open)
                .toList();
    }
}
