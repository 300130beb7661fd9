package sdae.gpu;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the compiler says of a kernel on an architecture, from the jar: the table of ptxas, and threads and dynamic shared
 * memory from the PTX ({@code SK_LAUNCH}).
 */
public record CompiledKernel(
        String name,
        Architecture architecture,
        int registers,
        int spillStores,
        int spillLoads,
        int stack,
        int staticShared,
        int threads,
        int dynamicShared) {

    private static final String FOLDER = "/sdae/kernels/cuda/";
    private static final Pattern LAUNCH =
            Pattern.compile("\\.global \\.align 4 \\.b8 (\\w+)_launch\\[16] = \\{([^}]*)}");

    /** Every kernel and architecture that this program was built with; empty if it was built without nvcc. */
    public static List<CompiledKernel> all() throws IOException {
        String table = text("ptxas.tsv");
        if (table == null) {
            return List.of();
        }
        Map<String, int[]> launches = launches();
        List<CompiledKernel> kernels = new ArrayList<>();
        for (String line : table.lines().skip(1).toList()) {
            String[] f = line.split("\t", -1);
            int[] launch = launches.get(f[0]);
            if (launch == null) {
                throw new IOException("ptxas.tsv: kernel " + f[0] + " has no SK_LAUNCH in its PTX");
            }
            kernels.add(new CompiledKernel(
                    f[0],
                    Architecture.of(f[1]),
                    Integer.parseInt(f[2]),
                    Integer.parseInt(f[3]),
                    Integer.parseInt(f[4]),
                    Integer.parseInt(f[5]),
                    Integer.parseInt(f[6]),
                    launch[0],
                    launch[3]));
        }
        return kernels;
    }

    /** {threads, items of x, items of y, dynamic shared bytes} of each kernel. */
    private static Map<String, int[]> launches() throws IOException {
        Map<String, int[]> launches = new HashMap<>();
        String families = text("families.txt");
        for (String family :
                families == null ? List.<String>of() : families.lines().toList()) {
            String ptx = text(family + ".ptx");
            Matcher found = LAUNCH.matcher(ptx == null ? "" : ptx);
            while (found.find()) {
                launches.put(found.group(1), littleEndian(found.group(2)));
            }
        }
        return launches;
    }

    /** Four ints from bytes; zeros at the end are left out in PTX. */
    private static int[] littleEndian(String bytes) {
        int[] ints = new int[4];
        int i = 0;
        for (String value : bytes.split(", ", -1)) {
            ints[i / 4] |= Integer.parseInt(value.strip()) << 8 * (i % 4);
            i++;
        }
        return ints;
    }

    private static String text(String file) throws IOException {
        try (InputStream in = CompiledKernel.class.getResourceAsStream(FOLDER + file)) {
            return in == null ? null : new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** The blocks that run on a multiprocessor at once. */
    public Architecture.Occupancy occupancy() {
        return architecture.occupancy(threads, registers, staticShared + dynamicShared);
    }

    /** Bytes that go through local memory: none, if the kernel is as it should be. */
    public int localBytes() {
        return spillStores + spillLoads + stack;
    }
}
