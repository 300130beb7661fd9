package sdae.tensor.check;

import java.util.ArrayList;
import java.util.List;
import sdae.tensor.DType;

/** All cases, by family. */
public final class KernelCases {
    private KernelCases() {}

    /** Every kernel at small and odd sizes, for checking. */
    public static List<KernelCase> small(DType dtype) {
        List<KernelCase> cases = new ArrayList<>();
        cases.addAll(FlatCases.small(dtype));
        cases.addAll(LinearCases.small(dtype));
        cases.addAll(AttentionCases.small(dtype));
        cases.addAll(NormCases.small(dtype));
        cases.addAll(ElementCases.small(dtype));
        cases.addAll(PatchCases.small(dtype));
        cases.addAll(TokenCases.small(dtype));
        cases.addAll(CosineLossCases.small(dtype));
        cases.addAll(LossCases.small(dtype));
        cases.addAll(UpdateCases.small(dtype));
        return cases;
    }

    /** Every kernel of a step at the sizes of {@link VitBase} with so many images, for counting and timing. */
    public static List<KernelCase> method(DType dtype, int images) {
        List<KernelCase> cases = new ArrayList<>();
        cases.addAll(AttentionCases.method(dtype, images));
        cases.addAll(LinearCases.method(dtype, images));
        cases.addAll(NormCases.method(dtype, images));
        cases.addAll(ElementCases.method(dtype, images));
        cases.addAll(PatchCases.method(dtype, images));
        cases.addAll(TokenCases.method(dtype, images));
        cases.addAll(CosineLossCases.method(dtype, images));
        cases.addAll(LossCases.method(dtype, images));
        cases.addAll(FlatCases.method(dtype, images));
        cases.addAll(UpdateCases.method(dtype));
        return cases;
    }
}
