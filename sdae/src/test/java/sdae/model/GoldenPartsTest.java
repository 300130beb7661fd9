package sdae.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import sdae.data.Mixing;
import sdae.eval.LinearHeads;
import sdae.nn.AdamW;
import sdae.nn.Lars;
import sdae.nn.Linear;
import sdae.nn.Positions;
import sdae.tensor.Arena;
import sdae.tensor.Backend;
import sdae.tensor.CpuBackend;
import sdae.tensor.DType;
import sdae.tensor.Parameter;
import sdae.tensor.ParameterBuffer;
import sdae.tensor.ParameterBuffer.Segment;
import sdae.tensor.Tape;
import sdae.tensor.Tensor;
import sdae.tensor.op.BatchNormOp;
import sdae.tensor.op.CosineLossOp;
import sdae.tensor.op.CrossEntropyOp;

/** Optimizers, the cosine loss, the linear probe, position resizing and fine-tuning against reference values, on every ISA. */
@Tag("golden")
class GoldenPartsTest {
    private static final Pattern RESIZED = Pattern.compile("ref64\\.pos\\.(\\d+)x(\\d+)_to_(\\d+)x(\\d+)\\.out");
    private static final Pattern DECAY_OF_LARS = Pattern.compile("wd([0-9e-]+)\\.mu\\..*");
    private static final int ZEROED_CHANNEL = 3;
    private static final int ZEROED_TOKEN = 5;

    private final Backend backend = new CpuBackend();

    @TestFactory
    List<DynamicTest> adamw() {
        return Golden.part("optim", "AdamW", this::adamw);
    }

    @TestFactory
    List<DynamicTest> lars() {
        return Golden.part("optim", "LARS", this::lars);
    }

    @TestFactory
    List<DynamicTest> cosine() {
        return Golden.part("cosine", "loss", this::cosine);
    }

    @TestFactory
    List<DynamicTest> probe() {
        return Golden.part("probe", "step and evaluation", this::probe);
    }

    @TestFactory
    List<DynamicTest> probeHeads() {
        return Golden.part("probe", "a head among others", this::probeHeads);
    }

    @TestFactory
    List<DynamicTest> positions() {
        return Golden.part("posinterp", "resized tables", GoldenPartsTest::positions);
    }

    @TestFactory
    List<DynamicTest> mixing() {
        return Golden.part("finetune", "images and targets", GoldenPartsTest::mixing);
    }

    @TestFactory
    List<DynamicTest> mixup() {
        return Golden.part("finetune", "mixup step", golden -> finetune(golden, "mixup"));
    }

    @TestFactory
    List<DynamicTest> cutmix() {
        return Golden.part("finetune", "cutmix gradients", golden -> finetune(golden, "cutmix"));
    }

    @TestFactory
    List<DynamicTest> classToken() {
        return Golden.part("finetune", "class token", this::classToken);
    }

    /** The tensors {@code <prefix>p0.*} in two segments, decayed those with more than one size. */
    private ParameterBuffer startingValues(Golden golden, String prefix) {
        List<Parameter> all = golden.after(prefix + "p0.").stream()
                .map(name -> new Parameter(name, golden.shape(prefix + "p0." + name)))
                .toList();
        ParameterBuffer parameters = new ParameterBuffer(
                backend,
                true,
                List.of(
                        new Segment(
                                "decay",
                                true,
                                all.stream().filter(p -> p.shape().rank() > 1).toList()),
                        new Segment(
                                "no-decay",
                                true,
                                all.stream().filter(p -> p.shape().rank() == 1).toList())));
        golden.load(parameters, prefix + "p0.");
        return parameters;
    }

    /** Runs {@code update} for every step with the stored gradients; returns the values after each, [steps, ...]. */
    private static Map<String, float[]> steps(Golden golden, String prefix, ParameterBuffer p, StepOf update) {
        double[] lr = golden.doubles(prefix + "lr");
        Map<String, float[]> after = new LinkedHashMap<>();
        p.parameters()
                .forEach((name, one) ->
                        after.put(name, new float[lr.length * one.value().count()]));
        for (int step = 0; step < lr.length; step++) {
            for (Parameter one : p.parameters().values()) {
                one.grad().set(slice(golden.floats(prefix + "grad." + one.name()), step, lr.length));
            }
            update.step(lr[step]);
            for (Parameter one : p.parameters().values()) {
                float[] values = one.value().toFloats();
                System.arraycopy(values, 0, after.get(one.name()), step * values.length, values.length);
            }
        }
        assertFalse(after.isEmpty());
        return after;
    }

    private interface StepOf {
        void step(double lr);
    }

    private static float[] slice(float[] values, int i, int parts) {
        int each = values.length / parts;
        return Arrays.copyOfRange(values, i * each, (i + 1) * each);
    }

    private void adamw(Golden golden) {
        double[] hyper = golden.doubles("adamw.hyper");
        try (ParameterBuffer p = startingValues(golden, "adamw.");
                AdamW adamw = new AdamW(backend, p, scales(), hyper[0], hyper[1], hyper[2])) {
            steps(golden, "adamw.", p, lr -> adamw.step(lr, hyper[3], 1))
                    .forEach((name, after) -> golden.close("ref64.adamw.after." + name, after, Golden.PART));
            for (Parameter one : p.parameters().values()) {
                // moments lie like the gradients
                int at = (int) ((one.grad().address() - p.grads().address()) / Float.BYTES);
                int count = one.shape().count();
                float[] m = adamw.firstMoments().slice(at, count).toFloats();
                float[] v = adamw.secondMoments().slice(at, count).toFloats();
                golden.close("ref64.adamw.exp_avg." + one.name(), m, Golden.PART);
                golden.close("ref64.adamw.exp_avg_sq." + one.name(), v, Golden.PART);
            }
        }
    }

    private static AdamW.Scales scales() {
        return new AdamW.Scales() {
            @Override
            public double lr(Segment segment) {
                return 1;
            }

            @Override
            public double decay(Segment segment) {
                return segment.name().equals("decay") ? 1 : 0;
            }
        };
    }

    private void lars(Golden golden) {
        double[] hyper = golden.doubles("lars.hyper");
        Set<String> decays = new TreeSet<>();
        for (String key : golden.after("ref64.lars.")) {
            Matcher found = DECAY_OF_LARS.matcher(key);
            if (found.matches()) {
                decays.add(found.group(1));
            }
        }
        assertEquals(2, decays.size(), "weight decays: " + decays);
        for (String decay : decays) {
            String prefix = "ref64.lars.wd" + decay + ".";
            try (ParameterBuffer p = startingValues(golden, "lars.");
                    Lars lars = new Lars(backend, p, hyper[0], hyper[1])) {
                steps(golden, "lars.", p, lr -> lars.step(lr, Double.parseDouble(decay)))
                        .forEach((name, after) -> golden.close(prefix + "after." + name, after, Golden.PART));
                for (Parameter one : p.parameters().values()) {
                    golden.close(prefix + "mu." + one.name(), lars.mu(one).toFloats(), Golden.PART);
                }
            }
        }
    }

    private void cosine(Golden golden) {
        int[] sizes = golden.shape("teacher_raw");
        float[] student = golden.floats("student");
        float[] zeroed = student.clone();
        for (int token = 0; token < sizes[1]; token++) {
            zeroed[token * sizes[2] + ZEROED_CHANNEL] = 0;
        }
        int at = (sizes[1] + ZEROED_TOKEN) * sizes[2];
        Arrays.fill(zeroed, at, at + sizes[2], 0);
        for (CosineLossOp.Axis axis : CosineLossOp.Axis.values()) {
            String name = axis == CosineLossOp.Axis.TOKEN ? "token" : "channel";
            try (Arena arena = new Arena(backend, true)) {
                try (Tape tape = arena.open()) {
                    Tensor teacher = tape.of(golden.floats("teacher_raw"), sizes);
                    Tensor target = tape.emptyLike(teacher);
                    backend.normalizeTarget(target, teacher);
                    golden.close("ref64.target", target.toFloats(), Golden.PART);
                    Tensor pred = tape.variable(tape.of(student, sizes));
                    Tensor loss = CosineLossOp.apply(pred, teacher, axis, false);
                    assertEquals(golden.value("ref64." + name + ".loss"), loss.item(), Golden.LOSS, name);
                    tape.backward(loss);
                    golden.close("ref64." + name + ".grad", tape.gradient(pred).toFloats(), Golden.PART);
                }
                try (Tape tape = arena.open()) {
                    Tensor pred = tape.variable(tape.of(zeroed, sizes));
                    Tensor teacher = tape.of(golden.floats("teacher_raw"), sizes);
                    Tensor loss = CosineLossOp.apply(pred, teacher, axis, false);
                    assertEquals(golden.value("ref64.zeroed." + name + ".loss"), loss.item(), Golden.LOSS, name);
                    tape.backward(loss);
                    for (float g : tape.gradient(pred).toFloats()) {
                        assertTrue(Float.isFinite(g), name + " gradient of a zeroed student");
                    }
                }
            }
        }
    }

    private void probe(Golden golden) {
        double[] hyper = golden.doubles("hyper");
        int[] sizes = golden.shape("features");
        int classes = golden.shape("head.1.weight")[0];
        Linear head = Linear.of("head.1", sizes[1], classes);
        Tensor mean = Tensor.persistent(backend, DType.F32, sizes[1]).set(golden.floats("running_mean.before"));
        Tensor var = Tensor.persistent(backend, DType.F32, sizes[1]).set(golden.floats("running_var.before"));
        try (ParameterBuffer p =
                        new ParameterBuffer(backend, true, List.of(new Segment("head", true, head.parameters())));
                Lars lars = new Lars(backend, p, hyper[2], hyper[3]);
                Arena arena = new Arena(backend, true)) {
            golden.load(p, "");
            p.zeroGrad();
            try (Tape tape = arena.open()) {
                Tensor x = tape.variable(tape.of(golden.floats("features"), sizes));
                Tensor normalised = BatchNormOp.apply(x, mean, var, (float) hyper[0], (float) hyper[1], true);
                golden.close("ref64.normalised", normalised.toFloats(), Golden.PART);
                Tensor logits = head.forward(normalised);
                golden.close("ref64.logits", logits.toFloats(), Golden.PART);
                float[] targets = Mixing.targets(golden.ints("labels"), classes, 0, 1);
                Tensor loss = CrossEntropyOp.apply(logits, tape.of(targets, sizes[0], classes));
                assertEquals(golden.value("ref64.loss"), loss.item(), Golden.LOSS);
                tape.backward(loss);
                golden.close("ref64.grad.features", tape.gradient(x).toFloats(), Golden.PART);
            }
            golden.close("ref64.running_mean.after", mean.toFloats(), Golden.PART);
            golden.close("ref64.running_var.after", var.toFloats(), Golden.PART);
            for (Parameter one : head.parameters()) {
                golden.close("ref64.grad." + one.name(), one.grad().toFloats(), Golden.PART);
            }
            lars.step(hyper[4], 0);
            for (Parameter one : head.parameters()) {
                golden.close("ref64.after1." + one.name(), one.value().toFloats(), Golden.PART);
            }
            try (Tape tape = arena.open()) {
                Tensor x = tape.of(golden.floats("eval.features"), golden.shape("eval.features"));
                Tensor normalised = BatchNormOp.apply(x, mean, var, (float) hyper[0], (float) hyper[1], false);
                golden.close("ref64.eval.logits", head.forward(normalised).toFloats(), Golden.PART);
            }
        } finally {
            mean.close();
            var.close();
        }
    }

    /** The same case through what {@code sdae linear} trains with. */
    private void probeHeads(Golden golden) {
        double[] hyper = golden.doubles("hyper");
        assertArrayEquals(new double[] {1e-6, 0.1, 0.9, 0.001}, Arrays.copyOf(hyper, 4), 1e-12);
        int width = golden.shape("features")[1];
        int classes = golden.shape("head.1.weight")[0];
        try (LinearHeads heads =
                new LinearHeads(backend, width, classes, LinearHeads.Recipe.LARS, new double[] {1e-3, hyper[4]}, 0)) {
            Linear head = heads.head(1);
            head.weight().value().set(golden.floats("head.1.weight"));
            head.bias().value().set(golden.floats("head.1.bias"));
            heads.running()[0].set(golden.floats("running_mean.before"));
            heads.running()[1].set(golden.floats("running_var.before"));
            double[] losses = heads.step(golden.floats("features"), golden.ints("labels"), 1, 0);
            assertEquals(golden.value("ref64.loss"), losses[1], Golden.LOSS);
            golden.close("ref64.after1.head.1.weight", head.weight().value().toFloats(), Golden.PART);
            golden.close("ref64.after1.head.1.bias", head.bias().value().toFloats(), Golden.PART);
            golden.close("ref64.running_mean.after", heads.running()[0].toFloats(), Golden.PART);
            golden.close("ref64.running_var.after", heads.running()[1].toFloats(), Golden.PART);
            golden.close("ref64.eval.logits", heads.scores(1, golden.floats("eval.features")), Golden.PART);
        }
    }

    private static void positions(Golden golden) {
        int checked = 0;
        for (String key : golden.names()) {
            Matcher m = RESIZED.matcher(key);
            if (m.matches()) {
                int[] grid = new int[4];
                Arrays.setAll(grid, i -> Integer.parseInt(m.group(i + 1)));
                String from = "pos." + grid[0] + "x" + grid[1] + ".in";
                int width = golden.shape(from)[2];
                golden.close(
                        key,
                        Positions.resize(golden.floats(from), grid[0], grid[1], grid[2], grid[3], width),
                        Golden.PART);
                checked++;
            }
        }
        assertTrue(checked > 0, "no resized tables");
    }

    private static Mixing.Box box(Golden golden) {
        int[] box = golden.ints("cutmix.box");
        return new Mixing.Box(box[0], box[1], box[2], box[3]);
    }

    private static void mixing(Golden golden) {
        int[] sizes = golden.shape("images");
        int classes = golden.ints("config")[7];
        double smoothing = golden.value("smoothing");
        double lambda = golden.value("lambda");
        float[] mixed = golden.floats("images");
        Mixing.mixup(mixed, sizes[0], lambda);
        golden.close("ref64.mixup.images", mixed, Golden.TABLE_F32);
        golden.close(
                "ref64.mixup.targets",
                Mixing.targets(golden.ints("labels"), classes, smoothing, lambda),
                Golden.TABLE_F32);

        float[] cut = golden.floats("images");
        Mixing.cutmix(cut, sizes[0], sizes[2], sizes[3], box(golden));
        assertArrayEquals(golden.floats("ref64.cutmix.images"), cut);
        double corrected = box(golden).lambda(sizes[2], sizes[3]);
        assertEquals(golden.value("cutmix.lambda"), corrected, Golden.TABLE_F64);
        golden.close(
                "ref64.cutmix.targets",
                Mixing.targets(golden.ints("labels"), classes, smoothing, corrected),
                Golden.TABLE_F32);
    }

    private Classifier classifier(Golden golden) {
        int[] c = golden.ints("config");
        Classifier classifier =
                new Classifier(backend, ModelSpec.of(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[4], 1, 1), c[7]);
        golden.load(classifier.parameters(), "vit.");
        assertEquals(golden.after("vit."), classifier.parameters().parameters().keySet());
        return classifier;
    }

    private void finetune(Golden golden, String kind) {
        try (Classifier classifier = classifier(golden);
                Arena arena = new Arena(backend, true)) {
            String prefix = "ref64." + kind + ".";
            classifier.parameters().zeroGrad();
            try (Tape tape = arena.open()) {
                Tensor images = tape.of(golden.floats(prefix + "images"), golden.shape("images"));
                Tensor targets = tape.of(golden.floats(prefix + "targets"), golden.shape(prefix + "targets"));
                Tensor features = classifier.features(images, Classifier.Pool.MEAN, DropPath.NONE);
                golden.close(prefix + "features", features.toFloats(), Golden.FORWARD);
                Tensor logits = classifier.logits(features);
                golden.close(prefix + "logits", logits.toFloats(), Golden.FORWARD);
                Tensor loss = CrossEntropyOp.apply(logits, targets);
                assertEquals(golden.value(prefix + "loss"), loss.item(), Golden.LOSS);
                tape.backward(loss);
            }
            for (Parameter p : classifier.parameters().parameters().values()) {
                golden.closeOrSampled(prefix + "grad.", p, p.grad().toFloats(), Golden.GRADIENT);
            }
            if (golden.hasAny(prefix + "after1.")) {
                double[] hyper = golden.doubles("step.hyper");
                AdamW.Scales scales = Classifier.scales(golden.ints("config")[5], hyper[5]);
                try (AdamW adamw = new AdamW(backend, classifier.parameters(), scales, hyper[1], hyper[2], hyper[3])) {
                    adamw.step(hyper[0], hyper[4], 1);
                }
                GoldenModelTest.checkSteps(
                        golden, classifier.parameters(), prefix + "after1.", GoldenModelTest.STEP, 2 * hyper[0]);
            }
        }
    }

    private void classToken(Golden golden) {
        int[] sizes = golden.shape("ref64.clstoken.logits");
        try (Classifier classifier = classifier(golden);
                Arena arena = new Arena(backend, true);
                Tape tape = arena.open()) {
            Tensor images = tape.of(golden.floats("images"), golden.shape("images"));
            Tensor logits = classifier.logits(classifier.features(images, Classifier.Pool.CLASS_TOKEN, DropPath.NONE));
            golden.close("ref64.clstoken.logits", logits.toFloats(), Golden.FORWARD);
            for (String loss : List.of("ce", "ce_smooth")) {
                double smoothing = loss.equals("ce") ? 0 : golden.value("smoothing");
                float[] targets = Mixing.targets(golden.ints("labels"), sizes[1], smoothing, 1);
                assertEquals(
                        golden.value("ref64.clstoken." + loss),
                        CrossEntropyOp.apply(logits, tape.of(targets, sizes)).item(),
                        Golden.LOSS,
                        loss);
            }
        }
    }
}
