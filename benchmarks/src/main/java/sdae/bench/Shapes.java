package sdae.bench;

import java.util.List;

/**
 * The sizes that occur in training, under names that all benchmarks share. A batch is 16 images of 224 x 224 in patches of 16
 * (49 patches seen, 3 folds of 49 for the teacher), or, for {@code TINY}, 128 images of 32 x 32 in patches of 4 (16 seen, 3
 * folds of 16). Decoders of ViT models are 512 wide with 16 heads, the tiny one is 128 wide with 4.
 */
public final class Shapes {
    // ---- attention: qkv [B, N, 3, H, Dh] ----
    public static final NamedShape VIT_TI_STUDENT = NamedShape.of("VIT_TI_STUDENT", "B16 N50 H3 Dh64");
    public static final NamedShape VIT_S_STUDENT = NamedShape.of("VIT_S_STUDENT", "B16 N50 H6 Dh64");
    public static final NamedShape VIT_B_STUDENT = NamedShape.of("VIT_B_STUDENT", "B16 N50 H12 Dh64");
    public static final NamedShape VIT_L_STUDENT = NamedShape.of("VIT_L_STUDENT", "B16 N50 H16 Dh64");
    public static final NamedShape VIT_B_TEACHER = NamedShape.of("VIT_B_TEACHER", "B48 N50 H12 Dh64");
    public static final NamedShape DECODER = NamedShape.of("DECODER", "B16 N197 H16 Dh32");
    public static final NamedShape TINY_STUDENT = NamedShape.of("TINY_STUDENT", "B128 N17 H3 Dh64");
    public static final NamedShape TINY_TEACHER = NamedShape.of("TINY_TEACHER", "B384 N17 H3 Dh64");
    public static final NamedShape TINY_DECODER = NamedShape.of("TINY_DECODER", "B128 N65 H4 Dh32");

    static final List<NamedShape> ATTENTION = List.of(
            VIT_TI_STUDENT,
            VIT_S_STUDENT,
            VIT_B_STUDENT,
            VIT_L_STUDENT,
            VIT_B_TEACHER,
            DECODER,
            TINY_STUDENT,
            TINY_TEACHER,
            TINY_DECODER);

    // ---- linear layers: x [R, in], weight [out, in] ----
    static final List<NamedShape> QKV = List.of(
            linear("VIT_B_QKV", 16 * 50, 768, 2304),
            linear("VIT_B_TEACHER_QKV", 48 * 50, 768, 2304),
            linear("VIT_S_QKV", 16 * 50, 384, 1152),
            linear("VIT_L_QKV", 16 * 50, 1024, 3072),
            linear("DECODER_QKV", 16 * 197, 512, 1536),
            linear("TINY_QKV", 128 * 17, 192, 576),
            linear("TINY_DECODER_QKV", 128 * 65, 128, 384));
    static final List<NamedShape> PROJ = List.of(
            linear("VIT_B_PROJ", 16 * 50, 768, 768),
            linear("VIT_B_TEACHER_PROJ", 48 * 50, 768, 768),
            linear("DECODER_PROJ", 16 * 197, 512, 512),
            linear("TINY_PROJ", 128 * 17, 192, 192),
            linear("TINY_DECODER_PROJ", 128 * 65, 128, 128));
    static final List<NamedShape> FC1 = List.of(
            linear("VIT_B_FC1", 16 * 50, 768, 3072),
            linear("VIT_B_TEACHER_FC1", 48 * 50, 768, 3072),
            linear("DECODER_FC1", 16 * 197, 512, 2048),
            linear("TINY_FC1", 128 * 17, 192, 768),
            linear("TINY_DECODER_FC1", 128 * 65, 128, 512));
    static final List<NamedShape> FC2 = List.of(
            linear("VIT_B_FC2", 16 * 50, 3072, 768),
            linear("VIT_B_TEACHER_FC2", 48 * 50, 3072, 768),
            linear("DECODER_FC2", 16 * 197, 2048, 512),
            linear("TINY_FC2", 128 * 17, 768, 192),
            linear("TINY_DECODER_FC2", 128 * 65, 512, 128));
    /** Patches to tokens, tokens to the decoder, the decoder's prediction at the masked tokens. */
    static final List<NamedShape> ENDS = List.of(
            linear("VIT_B_PATCHES", 16 * 49, 768, 768),
            linear("DECODER_EMBED", 16 * 50, 768, 512),
            linear("DECODER_PRED", 16 * 147, 512, 768));

    // ---- rows [R, D] ----
    static final List<NamedShape> NORM = List.of(
            NamedShape.of("VIT_B_NORM", "R800 D768"),
            NamedShape.of("VIT_B_TEACHER_NORM", "R2400 D768"),
            NamedShape.of("DECODER_NORM", "R3152 D512"),
            NamedShape.of("TINY_NORM", "R2176 D192"),
            NamedShape.of("TINY_DECODER_NORM", "R8320 D128"));
    static final List<NamedShape> HIDDEN = List.of(
            NamedShape.of("VIT_B_HIDDEN", "R800 D3072"),
            NamedShape.of("VIT_B_TEACHER_HIDDEN", "R2400 D3072"),
            NamedShape.of("DECODER_HIDDEN", "R3152 D2048"),
            NamedShape.of("TINY_HIDDEN", "R2176 D768"));

    // ---- masking, patches, losses: D encoder width, Dd decoder width ----
    public static final NamedShape VIT_B_MASK = NamedShape.of("VIT_B_MASK", "B16 L196 V49 M147 K3 C3 p16 D768 Dd512");
    public static final NamedShape VIT_B_MASK_64 =
            NamedShape.of("VIT_B_MASK_64", "B64 L196 V49 M147 K3 C3 p16 D768 Dd512");
    public static final NamedShape TINY_MASK = NamedShape.of("TINY_MASK", "B128 L64 V16 M48 K3 C3 p4 D192 Dd128");

    static final List<NamedShape> MASK = List.of(VIT_B_MASK, VIT_B_MASK_64, TINY_MASK);

    // ---- flat vectors ----
    /** Weights and biases of one encoder block of ViT-B; copies of it exceed any cache. */
    public static final NamedShape VIT_B_BLOCK = NamedShape.of("VIT_B_BLOCK", "n7087872");
    /** The whole tiny encoder, about: it stays in a large cache. */
    public static final NamedShape TINY_ENCODER = NamedShape.of("TINY_ENCODER", "n5360640");

    static final List<NamedShape> FLAT = List.of(VIT_B_BLOCK, TINY_ENCODER);

    // ---- whole steps ----
    static final List<NamedShape> STEPS = List.of(
            step("SDAE_VIT_B_16", "B16", "D768 depth12 H12"),
            step("SDAE_VIT_B_32", "B32", "D768 depth12 H12"),
            step("SDAE_VIT_S_16", "B16", "D384 depth12 H6"),
            NamedShape.of(
                    "SDAE_TINY_128", "B128 side32 C3 p4 L64 V16 M48 K3 D192 depth12 H3 Dd128 decoderDepth4 decoderH4"));

    // ---- pictures: a JPEG of height x width, cut to side x side ----
    static final List<NamedShape> PICTURES = List.of(NamedShape.of("JPEG_500x375", "height375 width500 side224"));

    // ---- for the simulated device: tiles that are not full, more rows than one block takes ----
    private static final String SMALL = "SMALL";

    private Shapes() {}

    /** A shape of that family that a simulated device computes in moments. */
    static NamedShape small(Kernel.Family family) {
        return NamedShape.of(
                SMALL,
                switch (family) {
                    case ATTENTION -> "B2 N50 H2 Dh64";
                    case GEMM -> "R72 in96 out136";
                    case LAYER_NORM, GELU -> "R40 D192";
                    case MASK, PATCH_EMBED, LOSS -> "B2 L64 V16 M48 K3 C3 p4 D64 Dd32";
                    case UPDATE -> "n5003";
                    case STEP -> "B2 side32 C3 p4 L64 V16 M48 K3 D64 depth1 H1 Dd32 decoderDepth1 decoderH1";
                    case LOAD -> throw new IllegalArgumentException("shape: pictures are the host's work");
                });
    }

    private static NamedShape linear(String name, int rows, int in, int out) {
        return NamedShape.of(name, "R" + rows + " in" + in + " out" + out);
    }

    private static NamedShape step(String name, String batch, String encoder) {
        return NamedShape.of(
                name, batch + " side224 C3 p16 L196 V49 M147 K3 " + encoder + " Dd512 decoderDepth8 decoderH16");
    }
}
