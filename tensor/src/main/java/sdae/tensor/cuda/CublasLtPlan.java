package sdae.tensor.cuda;

import static org.bytedeco.cuda.global.cublas.CUBLASLT_EPILOGUE_DEFAULT;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_MATMUL_DESC_BIAS_POINTER;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_MATMUL_DESC_EPILOGUE;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_MATMUL_DESC_TRANSA;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_MATMUL_DESC_TRANSB;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK;
import static org.bytedeco.cuda.global.cublas.CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
import static org.bytedeco.cuda.global.cublas.CUBLAS_COMPUTE_32F;
import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_N;
import static org.bytedeco.cuda.global.cublas.CUBLAS_OP_T;
import static org.bytedeco.cuda.global.cublas.CUBLAS_STATUS_NOT_SUPPORTED;
import static org.bytedeco.cuda.global.cublas.cublasLtMatmulAlgoGetHeuristic;
import static org.bytedeco.cuda.global.cublas.cublasLtMatmulDescCreate;
import static org.bytedeco.cuda.global.cublas.cublasLtMatmulDescSetAttribute;
import static org.bytedeco.cuda.global.cublas.cublasLtMatmulPreferenceCreate;
import static org.bytedeco.cuda.global.cublas.cublasLtMatmulPreferenceDestroy;
import static org.bytedeco.cuda.global.cublas.cublasLtMatmulPreferenceSetAttribute;
import static org.bytedeco.cuda.global.cublas.cublasLtMatrixLayoutCreate;
import static org.bytedeco.cuda.global.cudart.CUDA_R_16BF;
import static org.bytedeco.cuda.global.cudart.CUDA_R_32F;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.cuda.cublas.cublasLtMatmulAlgo_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulDescOpaque_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulHeuristicResult_t;
import org.bytedeco.cuda.cublas.cublasLtMatmulPreferenceOpaque_t;
import org.bytedeco.cuda.cublas.cublasLtMatrixLayoutOpaque_t;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerPointer;
import sdae.tensor.DType;

/** A product as cuBLASLt describes it, and the algorithms that its heuristic offers, best first. Lives as long as the device. */
final class CublasLtPlan {
    /** What a product is planned for; {@code alignment}: bytes that A, B, C and D are aligned to, one byte each, A highest. */
    record Key(GemmProblem problem, int alignment) {}

    private static final int MOST_ALGORITHMS = 8;

    private final CublasLt library;
    private final cublasLtMatmulDescOpaque_t description;
    private final cublasLtMatrixLayoutOpaque_t layoutA;
    private final cublasLtMatrixLayoutOpaque_t layoutB;
    private final cublasLtMatrixLayoutOpaque_t layoutD;
    private final LongPointer bias = new LongPointer(1);
    private final cublasLtMatmulHeuristicResult_t results = new cublasLtMatmulHeuristicResult_t(MOST_ALGORITHMS);
    private final List<cublasLtMatmulAlgo_t> algorithms = new ArrayList<>();
    private int chosen;

    /** {@code biasAddress} is 0 for none. */
    CublasLtPlan(CublasLt library, Key key, long biasAddress) {
        this.library = library;
        GemmProblem p = key.problem;
        try (PointerPointer<cublasLtMatmulDescOpaque_t> place = new PointerPointer<>(1)) {
            library.check(cublasLtMatmulDescCreate(place, CUBLAS_COMPUTE_32F, CUDA_R_32F), "cublasLtMatmulDescCreate");
            description = place.get(cublasLtMatmulDescOpaque_t.class, 0);
        }
        describe(CUBLASLT_MATMUL_DESC_TRANSA, p.ta() ? CUBLAS_OP_T : CUBLAS_OP_N);
        describe(CUBLASLT_MATMUL_DESC_TRANSB, p.tb() ? CUBLAS_OP_T : CUBLAS_OP_N);
        describe(CUBLASLT_MATMUL_DESC_EPILOGUE, p.epilogue());
        if (p.epilogue() != CUBLASLT_EPILOGUE_DEFAULT) {
            describe(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, CUDA_R_32F);
            bias(biasAddress); // the heuristic looks at its alignment
        }
        layoutA = p.ta() ? layout(p.in(), p.k(), p.m()) : layout(p.in(), p.m(), p.k());
        layoutB = p.tb() ? layout(p.in(), p.n(), p.k()) : layout(p.in(), p.k(), p.n());
        layoutD = layout(p.out(), p.m(), p.n());
        search(key.alignment);
    }

    private void describe(int attribute, int value) {
        try (IntPointer place = new IntPointer(1)) {
            place.put(value);
            library.check(
                    cublasLtMatmulDescSetAttribute(description, attribute, place, Integer.BYTES),
                    "cublasLtMatmulDescSetAttribute");
        }
    }

    private cublasLtMatrixLayoutOpaque_t layout(DType dtype, int rows, int cols) {
        try (PointerPointer<cublasLtMatrixLayoutOpaque_t> place = new PointerPointer<>(1)) {
            int type = dtype == DType.BF16 ? CUDA_R_16BF : CUDA_R_32F;
            library.check(cublasLtMatrixLayoutCreate(place, type, rows, cols, rows), "cublasLtMatrixLayoutCreate");
            return place.get(cublasLtMatrixLayoutOpaque_t.class, 0);
        }
    }

    private void search(int alignment) {
        try (PointerPointer<cublasLtMatmulPreferenceOpaque_t> place = new PointerPointer<>(1);
                LongPointer workspace = new LongPointer(1)) {
            workspace.put(CublasLt.WORKSPACE_BYTES);
            library.check(cublasLtMatmulPreferenceCreate(place), "cublasLtMatmulPreferenceCreate");
            cublasLtMatmulPreferenceOpaque_t wish = place.get(cublasLtMatmulPreferenceOpaque_t.class, 0);
            library.check(
                    cublasLtMatmulPreferenceSetAttribute(
                            wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace, Long.BYTES),
                    "cublasLtMatmulPreferenceSetAttribute");
            // Parts of a sum are added up in F32 and in a fixed order, not in the type of D.
            prefer(wish, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE);
            prefer(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment >>> 24);
            prefer(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment >>> 16 & 0xFF);
            prefer(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment >>> 8 & 0xFF);
            prefer(wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment & 0xFF);
            int[] found = new int[1];
            int status = cublasLtMatmulAlgoGetHeuristic(
                    library.handle(),
                    description,
                    layoutA,
                    layoutB,
                    layoutD,
                    layoutD,
                    wish,
                    MOST_ALGORITHMS,
                    results,
                    found);
            if (status != CUBLAS_STATUS_NOT_SUPPORTED) {
                library.check(status, "cublasLtMatmulAlgoGetHeuristic");
                gather(found[0]);
            }
            library.check(cublasLtMatmulPreferenceDestroy(wish), "cublasLtMatmulPreferenceDestroy");
        }
    }

    private void prefer(cublasLtMatmulPreferenceOpaque_t wish, int attribute, int value) {
        try (IntPointer place = new IntPointer(1)) {
            place.put(value);
            library.check(
                    cublasLtMatmulPreferenceSetAttribute(wish, attribute, place, Integer.BYTES),
                    "cublasLtMatmulPreferenceSetAttribute");
        }
    }

    private void gather(int found) {
        for (int i = 0; i < found; i++) {
            cublasLtMatmulHeuristicResult_t result = results.getPointer(i);
            if (result.state() == 0 && result.workspaceSize() <= CublasLt.WORKSPACE_BYTES) {
                algorithms.add(result.algo());
            }
        }
    }

    /** Where the bias is read or its gradient written from now on. */
    void bias(long address) {
        bias.put(0, address);
        library.check(
                cublasLtMatmulDescSetAttribute(description, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias, Long.BYTES),
                "cublasLtMatmulDescSetAttribute");
    }

    cublasLtMatmulDescOpaque_t description() {
        return description;
    }

    cublasLtMatrixLayoutOpaque_t layoutA() {
        return layoutA;
    }

    cublasLtMatrixLayoutOpaque_t layoutB() {
        return layoutB;
    }

    /** Of C too. */
    cublasLtMatrixLayoutOpaque_t layoutD() {
        return layoutD;
    }

    /** How many there are to choose from; 0 where the library cannot do the product. */
    int algorithms() {
        return algorithms.size();
    }

    cublasLtMatmulAlgo_t algorithm(int i) {
        return algorithms.get(i);
    }

    int chosen() {
        return chosen;
    }

    void choose(int algorithm) {
        chosen = algorithm;
    }
}
