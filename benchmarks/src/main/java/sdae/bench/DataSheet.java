package sdae.bench;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import sdae.gpu.Gpu;
import sdae.tensor.cuda.DeviceFacts;

/** What NVIDIA's data sheets say of the GPU that is timed: {@link Gpu}, for the boards that its figures are of. */
final class DataSheet {
    /** As the driver names them. Other boards of a family have other clocks, memories or numbers of multiprocessors. */
    private static final Map<String, String> BOARDS = Map.of(
            "NVIDIA A100-SXM4-80GB", "A100-80",
            "NVIDIA H100 80GB HBM3", "H100",
            "NVIDIA B200", "B200");

    private static final double GIGA = 1e9;

    private DataSheet() {}

    /** The row of the table; null for a board that is not in it, a part of one (MIG) included. */
    private static Gpu row(DeviceFacts device) {
        String name = BOARDS.get(device.name());
        List<Gpu> found = Gpu.ALL.stream()
                .filter(gpu -> gpu.name().equals(name) && gpu.multiprocessors() == device.multiprocessors())
                .toList();
        return found.isEmpty() ? null : found.get(0);
    }

    /**
     * Peaks of F32 multiply-adds outside tensor cores, of BF16 in them, and of the memory; all NaN where there is no row. The
     * sheets' F32 peaks are those of the highest clock (A100 19.5 TFLOP/s at 1.41 GHz, H100 67 at 1.98), which the driver says.
     */
    static Limits limits(DeviceFacts device) {
        Gpu gpu = row(device);
        if (gpu == null) {
            return new Limits(Double.NaN, Double.NaN, Double.NaN, Limits.Source.DATA_SHEET);
        }
        return new Limits(
                2.0 * gpu.fp32Lanes() * gpu.multiprocessors() * device.clock(),
                gpu.bf16() / GIGA,
                gpu.bandwidth() / GIGA,
                Limits.Source.DATA_SHEET);
    }

    /** For a figure's header. */
    static Map<String, String> header(DeviceFacts device) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put(
                "gpu",
                String.format(
                        Locale.ROOT,
                        "%s, compute capability %d.%d, %d multiprocessors, L2 %d MiB",
                        device.name(),
                        device.capability() / 10,
                        device.capability() % 10,
                        device.multiprocessors(),
                        device.l2Bytes() >> 20));
        facts.put(
                "clocks",
                String.format(Locale.ROOT, "at most %.2f GHz, memory %.2f GHz", device.clock(), device.memoryClock()));
        facts.put("driver", "knows CUDA " + device.cuda() / 1000 + "." + device.cuda() % 1000 / 10);
        Gpu gpu = row(device);
        facts.put("data sheet", gpu == null ? "none of this GPU is in the table: no shares of peaks" : gpu.name());
        return facts;
    }
}
