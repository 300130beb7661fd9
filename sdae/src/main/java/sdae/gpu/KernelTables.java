package sdae.gpu;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import sdae.tensor.check.KernelCase;

/** The tables of {@code sdae kernels}. */
public final class KernelTables {
    private KernelTables() {}

    /** What the compiler and the launch say, a line a kernel and architecture. */
    public static TextTable compiled(List<CompiledKernel> kernels) {
        TextTable table = new TextTable(
                "kernel",
                "arch",
                "registers",
                "spilled",
                "stack",
                "static smem",
                "dynamic smem",
                "threads",
                "blocks/SM",
                "occupancy",
                "limit");
        for (CompiledKernel k : kernels.stream()
                .sorted(Comparator.comparing(CompiledKernel::name))
                .toList()) {
            Architecture.Occupancy occupancy = k.occupancy();
            table.add(
                    k.name(),
                    k.architecture().name(),
                    k.registers(),
                    k.spillStores() + k.spillLoads(),
                    k.stack(),
                    k.staticShared(),
                    k.dynamicShared(),
                    k.threads(),
                    occupancy.blocks(),
                    String.format(Locale.ROOT, "%.0f %%", 100 * occupancy.share()),
                    occupancy.limit());
        }
        return table;
    }

    /** An empty table of what the simulator counted. */
    public static TextTable counted() {
        return new TextTable(
                "kernel and shape",
                "launches",
                "bytes asked",
                "distinct",
                "compulsory",
                "sectors",
                "ideal",
                "smem passes",
                "ideal",
                "mma",
                "least",
                "atomics",
                "barriers",
                "warp instr");
    }

    public static void addCounted(TextTable table, Study study) {
        long distinct = study.sum(Counts::uniqueBytes);
        table.add(
                study.studied(),
                study.sum(Counts::launches),
                study.sum(Counts::bytes),
                distinct == 0 ? "-" : distinct,
                study.studied().compulsoryBytes(),
                study.sum(Counts::sectors),
                study.sum(Counts::idealSectors),
                study.sum(Counts::wavefronts),
                study.sum(Counts::idealWavefronts),
                study.sum(Counts::mma),
                study.studied().mmaMinimum(),
                study.sum(Counts::atomics),
                study.sum(Counts::barriers),
                study.sum(Counts::warps));
    }

    /** An empty table of bounds. */
    public static TextTable bounds() {
        List<String> header = new ArrayList<>(List.of("kernel and shape"));
        for (Gpu gpu : Gpu.ALL) {
            header.add(gpu.name() + " us (bound, not time)");
        }
        header.add("instructions, %");
        return new TextTable(header.toArray(String[]::new));
    }

    /** {@code whole}: the same case at the batch of the bounds. */
    public static void addBounds(TextTable table, Study study, KernelCase whole) {
        List<Object> cells = new ArrayList<>(List.of(whole));
        for (Gpu gpu : Gpu.ALL) {
            cells.add(study.bound(gpu, whole));
        }
        cells.add(study.mix());
        table.add(cells.toArray());
    }

    /** One kernel, a line a PTX instruction that ran. */
    public static TextTable lines(Counts counts) {
        TextTable table = new TextTable(
                "warps", "lanes", "bytes", "sectors", "ideal", "smem passes", "ideal", "conflicts", "PTX");
        for (Counts.Line line : counts.lines()) {
            if (line.warps() > 0) {
                table.add(
                        line.warps(),
                        line.lanes(),
                        blank(line.globalBytes()),
                        blank(line.sectors()),
                        blank(line.idealSectors()),
                        blank(line.wavefronts()),
                        blank(line.idealWavefronts()),
                        blank(line.wavefronts() - line.idealWavefronts()),
                        line.ptx().strip());
            }
        }
        return table;
    }

    private static String blank(long value) {
        return value == 0 ? "" : Long.toString(value);
    }
}
