package sdae.bench;

import static sdae.bench.Kernel.ADAMW_FUSED;
import static sdae.bench.Kernel.ATTENTION_BACKWARD;
import static sdae.bench.Kernel.ATTENTION_FORWARD;
import static sdae.bench.Kernel.GELU_BACKWARD;
import static sdae.bench.Kernel.GELU_FORWARD;
import static sdae.bench.Kernel.GEMM_DGRAD;
import static sdae.bench.Kernel.GEMM_FORWARD;
import static sdae.bench.Kernel.GEMM_WGRAD;
import static sdae.bench.Kernel.LAYER_NORM_BACKWARD;
import static sdae.bench.Kernel.LAYER_NORM_FORWARD;
import static sdae.bench.Kernel.LOAD;
import static sdae.bench.Kernel.MASK_GATHER;
import static sdae.bench.Kernel.MASK_ORDER;
import static sdae.bench.Kernel.STEP;
import static sdae.tensor.DType.BF16;
import static sdae.tensor.DType.F32;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import sdae.bench.Goal.Faster;
import sdae.bench.Goal.LeastFaster;
import sdae.bench.Goal.MeanFaster;
import sdae.bench.Goal.Memory;
import sdae.bench.Goal.Needed;
import sdae.bench.Goal.Reached;
import sdae.tensor.DType;

/**
 * What this project claims on CPUs. An operator is held against the best of the peer's settings, case by case; a whole step
 * against the tuned peer and, apart, against the peer as it comes.
 */
final class Goals {
    private static final String TUNED = "libtorch";
    private static final String AS_IT_COMES = "libtorch-default";
    private static final List<String> LIBTORCH = List.of(TUNED, AS_IT_COMES);
    private static final List<String> GEMM = List.of(TUNED, AS_IT_COMES, "onednn", "onednn-packed");

    private Goals() {}

    static List<Goal> all() {
        List<Goal> goals = new ArrayList<>();
        attention(goals);
        gemm(goals, F32);
        gemm(goals, BF16);
        rows(goals);
        step(goals, "ViT-B/16, batch 16", "SDAE_VIT_B_16");
        step(goals, "ViT-B/16, batch 32", "SDAE_VIT_B_32");
        tiny(goals);
        add(goals, "load, one core, images/s", faster(of(LOAD, "JPEG_500x375", F32), List.of("opencv")), 1.5);
        return goals;
    }

    /** Those with every word in their family or name; capitals do not matter. */
    static List<Goal> matching(String pattern) {
        List<String> words = List.of(pattern.strip().toLowerCase(Locale.ROOT).split("\\s+", -1));
        return all().stream()
                .filter(goal -> {
                    String text = (goal.family() + " " + goal.name()).toLowerCase(Locale.ROOT);
                    return words.stream().allMatch(text::contains);
                })
                .toList();
    }

    /** What must be measured for the goals, once each. */
    static Set<Needed> needs(List<Goal> goals) {
        Map<String, Needed> needed = new LinkedHashMap<>();
        for (Goal goal : goals) {
            for (Needed n : goal.figure().needs()) {
                needed.putIfAbsent(n.implementation() + " " + n.timed().name(), n);
            }
        }
        return new LinkedHashSet<>(needed.values());
    }

    private static void attention(List<Goal> goals) {
        String[] names = {"N=50 Dh=64", "N=197 Dh=32"};
        String[] shapes = {"VIT_B_STUDENT", "DECODER"};
        double[] forward = {1.5, 1.6};
        double[] backward = {2, 1.6};
        double[] bf16 = {2.5, 2.8};
        for (int i = 0; i < 2; i++) {
            Case fwd = of(ATTENTION_FORWARD, shapes[i], F32);
            Case bwd = of(ATTENTION_BACKWARD, shapes[i], F32);
            add(goals, "attention forward " + names[i] + ", fp32", faster(fwd, LIBTORCH), forward[i]);
            add(goals, "attention forward " + names[i] + ", of FMA peak", new Reached(fwd, Reached.Limit.FMA), 0.72);
            add(goals, "attention backward " + names[i] + ", fp32", faster(bwd, LIBTORCH), backward[i]);
            String low = names[i] + ", bf16 / libtorch fp32";
            Case lowForward = of(ATTENTION_FORWARD, shapes[i], BF16);
            Case lowBackward = of(ATTENTION_BACKWARD, shapes[i], BF16);
            add(goals, "attention forward " + low, faster(lowForward, fwd, LIBTORCH), bf16[i]);
            add(goals, "attention backward " + low, faster(lowBackward, bwd, LIBTORCH), bf16[i]);
        }
    }

    /** Every product of a ViT-B step with batch 16. */
    private static void gemm(List<Goal> goals, DType dtype) {
        List<Case> cases = new ArrayList<>();
        for (Kernel kernel : List.of(GEMM_FORWARD, GEMM_DGRAD, GEMM_WGRAD)) {
            for (NamedShape shape : Cases.shapes(kernel)) {
                if (shape.name().startsWith("VIT_B") || shape.name().startsWith("DECODER")) {
                    cases.add(new Case(kernel, shape, dtype));
                }
            }
        }
        String name = "gemm forward, dgrad, wgrad, " + (dtype == F32 ? "fp32" : "bf16");
        add(goals, name + ", geometric mean", new MeanFaster(cases, GEMM), 1);
        add(goals, name + ", worst", new LeastFaster(cases, GEMM), 0.95);
    }

    private static void rows(List<Goal> goals) {
        add(goals, "erf GELU forward", faster(of(GELU_FORWARD, "VIT_B_HIDDEN", F32), LIBTORCH), 2);
        add(goals, "erf GELU backward", faster(of(GELU_BACKWARD, "VIT_B_HIDDEN", F32), LIBTORCH), 2);
        add(goals, "layer norm forward", faster(of(LAYER_NORM_FORWARD, "VIT_B_NORM", F32), LIBTORCH), 1.5);
        add(goals, "layer norm backward", faster(of(LAYER_NORM_BACKWARD, "VIT_B_NORM", F32), LIBTORCH), 1.5);
        List<Case> mask = List.of(of(MASK_ORDER, "VIT_B_MASK_64", F32), of(MASK_GATHER, "VIT_B_MASK_64", F32));
        add(goals, "mask order + gather", new Faster(mask, mask, LIBTORCH), 10);
        Case update = of(ADAMW_FUSED, "VIT_B_BLOCK", F32);
        String name = "AdamW + EMA + bf16 copy + zero-grad";
        add(goals, name + ", of copy bandwidth", new Reached(update, Reached.Limit.COPY), 0.9);
        add(goals, name + " / fused AdamW and foreach lerp", faster(update, LIBTORCH), 1);
    }

    private static void step(List<Goal> goals, String name, String shape) {
        Case full = of(STEP, shape, F32);
        Case low = of(STEP, shape, BF16);
        add(goals, "step " + name + ", fp32 / tuned", faster(full, List.of(TUNED)), 1.15);
        add(goals, "step " + name + ", fp32 / as it comes", faster(full, List.of(AS_IT_COMES)), 1.7);
        add(goals, "step " + name + ", bf16 / tuned bf16", faster(low, List.of(TUNED)), 1.2);
        add(goals, "step " + name + ", bf16 / tuned fp32", faster(low, full, List.of(TUNED)), 2.2);
        memory(goals, name, full, low);
    }

    private static void tiny(List<Goal> goals) {
        String name = "tiny CIFAR model, batch 128";
        Case full = of(STEP, "SDAE_TINY_128", F32);
        Case low = of(STEP, "SDAE_TINY_128", BF16);
        add(goals, "step " + name + ", fp32 / tuned", faster(full, List.of(TUNED)), 1.6);
        add(goals, "step " + name + ", bf16 / tuned bf16", faster(low, List.of(TUNED)), 1.6);
        add(goals, "step " + name + ", bf16 / bf16 as it comes", faster(low, List.of(AS_IT_COMES)), 4);
        memory(goals, name, full, low);
    }

    private static void memory(List<Goal> goals, String name, Case full, Case low) {
        add(goals, "step " + name + ", fp32, peak resident memory", new Memory(full, LIBTORCH), 0.6);
        add(goals, "step " + name + ", bf16, peak resident memory", new Memory(low, List.of(TUNED)), 0.6);
    }

    private static void add(List<Goal> goals, String name, Goal.Figure figure, double limit) {
        Kernel.Family family = figure.needs().get(0).timed().kernel().family();
        goals.add(new Goal(family, name, figure, limit));
    }

    private static Faster faster(Case timed, List<String> peers) {
        return faster(timed, timed, peers);
    }

    private static Faster faster(Case ours, Case theirs, List<String> peers) {
        return new Faster(List.of(ours), List.of(theirs), peers);
    }

    private static Case of(Kernel kernel, String shape, DType dtype) {
        return Cases.of(kernel.name(), shape, dtype.name());
    }
}
