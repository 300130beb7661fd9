package sdae.bench;

import java.util.Locale;
import sdae.tensor.DType;
import sdae.tensor.check.KernelCase;
import sdae.tensor.check.SizedCases;

/** What can be timed: a method of {@link sdae.tensor.Backend}, or something larger that has no {@link #check}. */
public enum Kernel {
    ATTENTION_FORWARD(
            "attention fwd",
            Family.ATTENTION,
            (t, s) -> SizedCases.attentionForward(t, s.size("B"), s.size("N"), s.size("H"), s.size("Dh"))),
    ATTENTION_BACKWARD(
            "attention bwd",
            Family.ATTENTION,
            (t, s) -> SizedCases.attentionBackward(t, s.size("B"), s.size("N"), s.size("H"), s.size("Dh"))),

    /** y = x weight^T + bias. */
    GEMM_FORWARD(
            "gemm fwd", Family.GEMM, (t, s) -> SizedCases.linearForward(t, s.size("R"), s.size("in"), s.size("out"))),
    /** y = gelu(x weight^T + bias), and the value before gelu. */
    GEMM_GELU(
            "gemm+gelu fwd",
            Family.GEMM,
            (t, s) -> SizedCases.linearGeluForward(t, s.size("R"), s.size("in"), s.size("out"))),
    /** y = residual + x weight^T + bias. */
    GEMM_RESIDUAL(
            "gemm+residual fwd",
            Family.GEMM,
            (t, s) -> SizedCases.linearResidualForward(t, s.size("R"), s.size("in"), s.size("out"))),
    /** dx = dy weight. */
    GEMM_DGRAD(
            "gemm dgrad",
            Family.GEMM,
            (t, s) -> SizedCases.linearBackwardInput(t, s.size("R"), s.size("in"), s.size("out"))),
    /** dweight += dy^T x, dbias += column sums of dy. */
    GEMM_WGRAD(
            "gemm wgrad",
            Family.GEMM,
            (t, s) -> SizedCases.linearBackwardWeight(t, s.size("R"), s.size("in"), s.size("out"))),

    LAYER_NORM_FORWARD(
            "layer_norm fwd", Family.LAYER_NORM, (t, s) -> SizedCases.layerNormForward(t, s.size("R"), s.size("D"))),
    LAYER_NORM_BACKWARD(
            "layer_norm bwd", Family.LAYER_NORM, (t, s) -> SizedCases.layerNormBackward(t, s.size("R"), s.size("D"))),
    GELU_FORWARD("gelu fwd", Family.GELU, (t, s) -> SizedCases.geluForward(t, s.size("R") * s.size("D"))),
    GELU_BACKWARD("gelu bwd", Family.GELU, (t, s) -> SizedCases.geluBackward(t, s.size("R") * s.size("D"))),

    /** Noise [B, L] to the order of the patches: kept, masked, and the way back. */
    MASK_ORDER(
            "mask order",
            Family.MASK,
            (t, s) -> SizedCases.patchMask(s.size("B"), s.size("L"), s.size("V"), s.size("M")),
            Kernel.F32_ONLY),
    /** The visible patches of images, in the mask's order. */
    MASK_GATHER(
            "mask gather",
            Family.MASK,
            (t, s) -> SizedCases.patchGather(t, s.size("B"), s.size("C"), side(s), s.size("p"), s.size("V"))),
    /** The masked patches, K folds of the teacher in one call. */
    MASK_FOLDS(
            "mask folds",
            Family.MASK,
            (t, s) -> SizedCases.patchGather(t, s.size("B"), s.size("C"), side(s), s.size("p"), s.size("M"))),
    /** The decoder's input: tokens back in image order, the mask token elsewhere. */
    UNSHUFFLE_FORWARD(
            "unshuffle fwd",
            Family.MASK,
            (t, s) -> SizedCases.unshuffleForward(t, s.size("B"), s.size("L"), s.size("V"), s.size("Dd"))),
    UNSHUFFLE_BACKWARD(
            "unshuffle bwd",
            Family.MASK,
            (t, s) -> SizedCases.unshuffleBackward(t, s.size("B"), s.size("L"), s.size("V"), s.size("Dd"))),
    /** The decoder's masked tokens out of all. */
    SCATTER_FORWARD(
            "masked tokens fwd",
            Family.MASK,
            (t, s) -> SizedCases.gatherTokensForward(t, s.size("B"), s.size("L"), s.size("M"), s.size("Dd"))),
    SCATTER_BACKWARD(
            "masked tokens bwd",
            Family.MASK,
            (t, s) -> SizedCases.gatherTokensBackward(
                    t, s.size("B"), s.size("L"), s.size("V"), s.size("M"), s.size("Dd"))),

    /** Class token and positions added to projected patches. */
    EMBED_FORWARD(
            "patch_embed fwd",
            Family.PATCH_EMBED,
            (t, s) -> SizedCases.embedTokensForward(t, s.size("B"), s.size("V"), s.size("D"), s.size("L"))),
    EMBED_BACKWARD(
            "patch_embed bwd",
            Family.PATCH_EMBED,
            (t, s) -> SizedCases.embedTokensBackward(t, s.size("B"), s.size("V"), s.size("D"), s.size("L"))),

    /** SdAE's cosine loss against the standardised teacher. */
    COSINE_LOSS_FORWARD(
            "cosine_loss fwd",
            Family.LOSS,
            (t, s) -> SizedCases.cosineLossForward(t, s.size("B") * s.size("K"), s.size("V"), s.size("D"))),
    COSINE_LOSS_BACKWARD(
            "cosine_loss bwd",
            Family.LOSS,
            (t, s) -> SizedCases.cosineLossBackward(t, s.size("B") * s.size("K"), s.size("V"), s.size("D"))),
    /** MAE's loss on standardised pixels. */
    PIXEL_LOSS_FORWARD(
            "pixel_loss fwd",
            Family.LOSS,
            (t, s) -> SizedCases.pixelLossForward(t, s.size("B"), s.size("C"), side(s), s.size("p"), s.size("M"))),
    PIXEL_LOSS_BACKWARD(
            "pixel_loss bwd",
            Family.LOSS,
            (t, s) -> SizedCases.pixelLossBackward(t, s.size("B"), s.size("C"), side(s), s.size("p"), s.size("M"))),

    /** AdamW with what a step of a BF16 model appends: BF16 copies, zeroed gradient, the teacher's average. */
    ADAMW_FUSED("adamw+ema+bf16+zero", Family.UPDATE, (t, s) -> SizedCases.adamw(s.size("n"), true), Kernel.F32_ONLY),
    /** AdamW and the zeroed gradient. */
    ADAMW("adamw+zero", Family.UPDATE, (t, s) -> SizedCases.adamw(s.size("n"), false), Kernel.F32_ONLY),
    EMA("ema", Family.UPDATE, (t, s) -> SizedCases.ema(s.size("n")), Kernel.F32_ONLY),

    /** A whole training step: student, teacher, loss, backward, AdamW, EMA; images in memory. */
    STEP("step", Family.STEP, null),
    /** JPEG file in memory to a normalised crop of side x side in F32, one thread. */
    LOAD("load", Family.LOAD, null, Kernel.F32_ONLY);

    /** Kernels that are reported together and share a JMH class. */
    public enum Family {
        ATTENTION,
        GEMM,
        LAYER_NORM,
        GELU,
        MASK,
        PATCH_EMBED,
        LOSS,
        UPDATE,
        STEP,
        LOAD
    }

    /** Makes the case with its reference. */
    @FunctionalInterface
    private interface Factory {
        KernelCase make(DType dtype, NamedShape shape);
    }

    private static final boolean F32_ONLY = true;

    private final String label;
    private final Family family;

    @SuppressWarnings("ImmutableEnumChecker") // lambdas without state
    private final Factory factory;

    private final boolean f32Only;

    Kernel(String label, Family family, Factory factory) {
        this(label, family, factory, false);
    }

    Kernel(String label, Family family, Factory factory, boolean f32Only) {
        this.label = label;
        this.family = family;
        this.factory = factory;
        this.f32Only = f32Only;
    }

    /** As printed: {@code attention fwd}. */
    public String label() {
        return label;
    }

    public Family family() {
        return family;
    }

    /** Whether there is one form of it, whatever activations are stored as. */
    public boolean f32Only() {
        return f32Only;
    }

    /** Inputs, formula and double reference at these sizes; null for {@link #STEP} and {@link #LOAD}. */
    KernelCase check(DType dtype, NamedShape shape) {
        return factory == null ? null : factory.make(dtype, shape);
    }

    private static int side(NamedShape s) {
        int grid = (int) Math.sqrt(s.size("L"));
        return grid * s.size("p");
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
