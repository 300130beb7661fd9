package sdae.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import sdae.gpu.CompiledKernel;
import sdae.gpu.Counts;
import sdae.gpu.KernelTables;
import sdae.gpu.Study;
import sdae.gpu.TextTable;
import sdae.io.ExitCode;
import sdae.io.UserError;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Devices;
import sdae.tensor.check.KernelCase;
import sdae.tensor.check.KernelCases;
import sdae.tensor.check.Simulator;

@Command(
        name = "kernels",
        mixinStandardHelpOptions = true,
        description = {
            "What the CUDA kernels are made of: registers, spills, shared memory and occupancy on every architecture;",
            "then, counted on the simulated device at the sizes of ViT-B/16: bytes, sectors, bank conflicts, tensor",
            "instructions, and the time that they take at least on an A100, H100 and B200. A bound is no time."
        },
        footer = {
            "",
            "Examples:",
            "  sdae kernels --static",
            "  sdae kernels --kernel attentionForward --shape \"B1 N50 H12 Dh64\""
        })
final class KernelsCommand implements Callable<Integer> {
    private static final String NOT_COMPILED =
            "this program was built without nvcc, or with SDAE_CUDA_ARCHS=ptx, so there is"
                    + " no table of ptxas in it";

    @Option(names = "--static", description = "only what the compiler says (a second)")
    private boolean onlyStatic;

    @Option(names = "--kernel", paramLabel = "NAME", description = "only kernels with this in their name")
    private String kernel = "";

    @Option(
            names = "--shape",
            paramLabel = "SIZES",
            description = "of --kernel, only the cases with this in their sizes, PTX line by PTX line")
    private String shape;

    @Option(
            names = "--images",
            paramLabel = "N",
            description = "images of the batch that is simulated; default ${DEFAULT-VALUE}",
            defaultValue = "1")
    private int images;

    @Option(
            names = "--batch",
            paramLabel = "N",
            description = "images of the batch that the bounds are for; default ${DEFAULT-VALUE}",
            defaultValue = "96")
    private int batch;

    @Option(names = "--csv", paramLabel = "FILE", description = "write the tables to this file too")
    private Path csv;

    private final List<String> written = new ArrayList<>();

    @Override
    public Integer call() throws IOException {
        if (images < 1 || batch < 1) {
            throw new UserError(ExitCode.CONFIG, "kernels: --images and --batch must be 1 or more");
        }
        List<CompiledKernel> compiled = CompiledKernel.all();
        if (compiled.isEmpty() && onlyStatic) {
            throw new UserError(ExitCode.DEVICE, "kernels: " + NOT_COMPILED);
        }
        if (compiled.isEmpty()) {
            System.out.println("No registers and occupancy: " + NOT_COMPILED);
        } else if (shape == null) {
            print(KernelTables.compiled(
                    compiled.stream().filter(k -> wanted(k.name())).toList()));
        }
        if (!onlyStatic) {
            simulate();
        }
        if (csv != null) {
            Files.write(csv, written, StandardCharsets.UTF_8);
        }
        return ExitCode.DONE.code();
    }

    /** Case names are the backend's, {@code attentionForward}; kernels' are CUDA's, {@code sk_attention_forward_f32}. */
    private boolean wanted(String name) {
        String wantedName = kernel.toLowerCase(Locale.ROOT).replace("_", "");
        return name.toLowerCase(Locale.ROOT).replace("_", "").contains(wantedName);
    }

    private void simulate() throws IOException {
        Backend device = Devices.open("cuda-sim");
        Simulator.options(Runtime.getRuntime().availableProcessors(), false, true);
        TextTable counted = KernelTables.counted();
        TextTable bounds = KernelTables.bounds();
        boolean any = false;
        for (DType dtype : List.of(DType.BF16, DType.F32)) {
            List<KernelCase> cases = KernelCases.method(dtype, images);
            List<KernelCase> whole = KernelCases.method(dtype, batch);
            for (int i = 0; i < cases.size(); i++) {
                KernelCase one = cases.get(i);
                if (wanted(one.kernel()) && (shape == null || one.shape().contains(shape))) {
                    any = true;
                    Study study = Study.of(one, device);
                    KernelTables.addCounted(counted, study);
                    KernelTables.addBounds(bounds, study, whole.get(i));
                    if (shape != null) {
                        lines(study);
                    }
                }
            }
        }
        if (!any) {
            throw new UserError(
                    ExitCode.CONFIG,
                    "kernels: no case has '" + kernel + "' in its name"
                            + (shape == null ? "" : " and '" + shape + "' in its sizes"));
        }
        System.out.println("Counted on the simulated device, " + images + " image(s):");
        print(counted);
        System.out.println(
                "The least time for " + batch + " images, from compulsory bytes, these counts and the GPU's peaks:");
        print(bounds);
    }

    private void lines(Study study) {
        for (Counts counts : study.kernels()) {
            String title = study.studied() + ": " + counts.kernel() + ", " + counts.blocks() + " blocks, "
                    + counts.threads() + " threads";
            System.out.println(title);
            written.add(title);
            print(KernelTables.lines(counts));
        }
    }

    private void print(TextTable table) {
        table.lines().forEach(System.out::println);
        System.out.println();
        written.addAll(table.csv());
    }
}
