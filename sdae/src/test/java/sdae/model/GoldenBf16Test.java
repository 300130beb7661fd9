package sdae.model;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.DType;
import sdae.tensor.Devices;
import sdae.tensor.Parameter;
import sdae.tensor.Tape;
import sdae.tensor.TestDevices;
import sdae.tensor.op.PatchMask;

/**
 * Gradients of a whole step in BF16 on other devices, against the reference's in float64: by tensor, the error in the L2 norm is
 * at most twice that of the CPU, which stores every activation as BF16 too.
 */
@Tag("golden")
class GoldenBf16Test {
    private static final double TIMES = 2;

    /** Of the largest gradient's norm, for tensors that are zero but for rounding: the key's bias. */
    private static final double FLOOR = 0x1p-9;

    private static final Set<String> SIMULATED = Set.of("tiny", "grey", "head32", "head64", "head80");

    @TestFactory
    List<DynamicTest> gradients() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        for (Backend device : TestDevices.others()) {
            Set<String> names = new TreeSet<>(Golden.cases());
            names.retainAll(SIMULATED);
            for (String name : names) {
                Golden golden = Golden.open(name);
                for (Objective.Axis axis : Objective.Axis.values()) {
                    String prefix = "ref64.grad." + axis.name().toLowerCase(java.util.Locale.ROOT) + ".";
                    if (golden.hasAny(prefix)) {
                        String label = name + " " + prefix + "bf16 on " + device.name();
                        tests.add(DynamicTest.dynamicTest(label, () -> compare(golden, prefix, axis, device)));
                    }
                }
            }
        }
        return tests;
    }

    private static void compare(Golden golden, String prefix, Objective.Axis axis, Backend device) {
        Map<String, Double> errors = new LinkedHashMap<>();
        double largest = errors(golden, prefix, axis, device, errors);
        Map<String, Double> ofCpu = new LinkedHashMap<>();
        errors(golden, prefix, axis, Devices.open("cpu"), ofCpu);
        assertTrue(!errors.isEmpty(), prefix + " has no gradients");
        errors.forEach((name, error) -> {
            double allowed = TIMES * ofCpu.get(name) + FLOOR * largest;
            assertTrue(
                    error <= allowed,
                    () -> name + ": " + error + " from the reference, the CPU in bf16 " + ofCpu.get(name) + "; allowed "
                            + allowed);
        });
    }

    /** By parameter; returns the largest norm of a gradient. */
    private static double errors(
            Golden golden, String prefix, Objective.Axis axis, Backend backend, Map<String, Double> errors) {
        int[] c = golden.ints("config");
        int folds = c[15];
        Objective objective =
                new Objective.Sdae(Objective.TeacherView.MASKED_FOLDS, folds, axis, Objective.Kind.COSINE, false);
        ModelSpec spec = ModelSpec.of(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9]);
        double largest = 0;
        try (SdaeModel model = new SdaeModel(backend, spec, objective, false, DType.BF16);
                Arena arena = new Arena(backend, true)) {
            golden.load(model.student(), "student.");
            golden.load(model.teacher(), "teacher.");
            model.student().round();
            model.teacher().round();
            model.student().zeroGrad();
            try (Tape tape = arena.open()) {
                PatchMask mask = PatchMask.of(tape.of(golden.floats("noise"), c[10], c[11]), c[12], c[15] * c[16]);
                SdaeModel.Forward out =
                        model.forward(tape.of(golden.floats("images"), c[10], c[2], c[0], c[1]), mask, DropPath.NONE);
                tape.backward(out.loss());
            }
            for (Parameter p : model.student().parameters().values()) {
                boolean stored = golden.has(prefix + p.name()) || golden.has(prefix + "sample." + p.name());
                if (p.trainable() && stored) {
                    float[][] pair = golden.stored(prefix, p.name(), p.grad().toFloats());
                    errors.put(p.name(), distance(pair[0], pair[1]));
                    largest = Math.max(largest, distance(pair[0], new float[pair[0].length]));
                }
            }
        }
        return largest;
    }

    private static double distance(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            double d = (double) a[i] - b[i];
            sum += d * d;
        }
        return Math.sqrt(sum);
    }
}
