// The stand-in for cuBLASLt as a program sees it: the product against double arithmetic, and what it refuses.
#include "../../../main/native/sim/cublasLt.h"
#include "driver_test.h"
#include <cmath>

using namespace lt;

extern "C" {
Status cublasLtCreate(Handle**);
Status cublasLtDestroy(Handle*);
Status cublasLtMatmulDescCreate(Desc**, int, int);
Status cublasLtMatmulDescDestroy(Desc*);
Status cublasLtMatmulDescSetAttribute(Desc*, int, const void*, size_t);
Status cublasLtMatrixLayoutCreate(Layout**, int, uint64_t, uint64_t, int64_t);
Status cublasLtMatrixLayoutDestroy(Layout*);
Status cublasLtMatmulPreferenceCreate(Preference**);
Status cublasLtMatmulPreferenceDestroy(Preference*);
Status cublasLtMatmulPreferenceSetAttribute(Preference*, int, const void*, size_t);
Status cublasLtMatmulAlgoGetHeuristic(Handle*, Desc*, Layout*, Layout*, Layout*, Layout*, Preference*, int, Heuristic*,
                                      int*);
Status cublasLtMatmul(Handle*, Desc*, const void*, const void*, Layout*, const void*, Layout*, const void*, const void*,
                      Layout*, void*, Layout*, const Algo*, void*, size_t, CUstream);
}

namespace {

constexpr int kM = 6, kN = 5, kK = 7;
constexpr size_t kWorkspace = 4096;

void* pointer(CUdeviceptr p) { return reinterpret_cast<void*>(p); }

/** D = A^T B + C + bias, A [k, m], B [k, n], all f32 and column-major. */
struct Case {
  Handle* handle = nullptr;
  Desc* desc = nullptr;
  Layout *a = nullptr, *b = nullptr, *d = nullptr;
  Preference* preference = nullptr;
  Heuristic found[4] = {};
  int count = 0;
  std::vector<float> va = ramp(kK * kM), vb = ramp(kK * kN), vc = ramp(kM * kN), vbias = ramp(kM);
  CUdeviceptr pa = upload(va), pb = upload(vb), pc = upload(vc), pbias = upload(vbias);
  CUdeviceptr pd = allocate(kM * kN * 4), workspace = allocate(kWorkspace);

  Case() {
    CHECK_EQUAL(cublasLtCreate(&handle), kSuccess);
    CHECK_EQUAL(cublasLtMatmulDescCreate(&desc, kCompute32F, kF32), kSuccess);
    set(kTransA, int(kT));
    set(kEpilogue, uint32_t(kBias));
    set(kBiasPointer, uint64_t(pbias));
    CHECK_EQUAL(cublasLtMatrixLayoutCreate(&a, kF32, kK, kM, kK), kSuccess);
    CHECK_EQUAL(cublasLtMatrixLayoutCreate(&b, kF32, kK, kN, kK), kSuccess);
    CHECK_EQUAL(cublasLtMatrixLayoutCreate(&d, kF32, kM, kN, kM), kSuccess);
    CHECK_EQUAL(cublasLtMatmulPreferenceCreate(&preference), kSuccess);
    uint64_t bytes = kWorkspace;
    CHECK_EQUAL(cublasLtMatmulPreferenceSetAttribute(preference, kMaxWorkspace, &bytes, sizeof bytes), kSuccess);
    CHECK_EQUAL(search(), kSuccess);
    CHECK_EQUAL(count, 2);
  }
  ~Case() {
    CHECK_EQUAL(cublasLtMatmulPreferenceDestroy(preference), kSuccess);
    CHECK_EQUAL(cublasLtMatrixLayoutDestroy(a), kSuccess);
    CHECK_EQUAL(cublasLtMatrixLayoutDestroy(b), kSuccess);
    CHECK_EQUAL(cublasLtMatrixLayoutDestroy(d), kSuccess);
    CHECK_EQUAL(cublasLtMatmulDescDestroy(desc), kSuccess);
    CHECK_EQUAL(cublasLtDestroy(handle), kSuccess);
  }
  template <class T>
  void set(int attribute, T value) {
    CHECK_EQUAL(cublasLtMatmulDescSetAttribute(desc, attribute, &value, sizeof value), kSuccess);
  }
  Status search() { return cublasLtMatmulAlgoGetHeuristic(handle, desc, a, b, d, d, preference, 4, found, &count); }
  Status run(int algorithm, CUdeviceptr to, CUdeviceptr from_b, size_t workspace_bytes = kWorkspace) {
    float one = 1;
    return cublasLtMatmul(handle, desc, &one, pointer(pa), a, pointer(from_b), b, &one, pointer(pc), d, pointer(to), d,
                          &found[algorithm].algo, pointer(workspace), workspace_bytes, nullptr);
  }
  double expected(int i, int j) const {
    double sum = double(vc[size_t(j * kM + i)]) + double(vbias[size_t(i)]);
    for (int k = 0; k < kK; k++) sum += double(va[size_t(i * kK + k)]) * double(vb[size_t(j * kK + k)]);
    return sum;
  }
};

void product() {
  Case c;
  for (int algorithm : {0, 1}) {
    CHECK_EQUAL(c.run(algorithm, c.pd, c.pb), kSuccess);
    std::vector<float> got = download<float>(c.pd, kM * kN);
    for (int j = 0; j < kN; j++) {
      for (int i = 0; i < kM; i++) CHECK_EQUAL(double(got[size_t(j * kM + i)]), c.expected(i, j));
    }
  }
}

void bias_gradient() {
  Case c;
  c.set(kEpilogue, uint32_t(kBiasGradientB));
  CHECK_EQUAL(c.search(), kSuccess);
  CHECK_EQUAL(c.run(0, c.pd, c.pb), kSuccess);
  std::vector<float> got = download<float>(c.pbias, kN);
  for (int j = 0; j < kN; j++) {
    float sum = 0;
    for (int k = 0; k < kK; k++) sum += c.vb[size_t(j * kK + k)];
    CHECK_EQUAL(got[size_t(j)], sum);
  }
}

void refusals() {
  Case c;
  int word = 0;
  int64_t wide = 0;
  CHECK_EQUAL(cublasLtMatmulDescSetAttribute(c.desc, 2, &word, sizeof word), kNotSupported);
  CHECK_EQUAL(cublasLtMatmulDescSetAttribute(c.desc, kTransA, &wide, sizeof wide), kInvalidValue);
  CHECK_EQUAL(cublasLtMatmulPreferenceSetAttribute(c.preference, 0, &word, sizeof word), kNotSupported);
  CHECK_EQUAL(cublasLtMatmulPreferenceSetAttribute(c.preference, kMaxWorkspace, &word, sizeof word), kInvalidValue);
  Layout* layout = nullptr;
  CHECK_EQUAL(cublasLtMatrixLayoutCreate(&layout, kF32, 4, 4, 3), kInvalidValue);
  CHECK_EQUAL(cublasLtMatrixLayoutCreate(&layout, 2, 4, 4, 4), kNotSupported);
  CHECK_EQUAL(c.run(0, c.pd + 4, c.pb), kInvalidValue);  // less aligned than promised
  CHECK_EQUAL(c.run(0, c.pa, c.pb), kInvalidValue);      // D is A
  CHECK_EQUAL(c.run(0, c.pd, c.pb, 8), kInvalidValue);   // the first algorithm wants a workspace
  CHECK_EQUAL(c.run(1, c.pd, c.pb, 0), kSuccess);        // the second does not
  c.set(kBiasPointer, uint64_t(c.pbias + 4));
  CHECK_EQUAL(c.run(1, c.pd, c.pb), kInvalidValue);
  c.set(kBiasPointer, uint64_t(c.pbias));
  c.set(kBiasDataType, int(kBf16));
  CHECK_EQUAL(c.search(), kNotSupported);
  c.set(kBiasDataType, int(kF32));
  c.set(kTransA, int(kN));  // the sizes do not fit any more
  CHECK_EQUAL(c.search(), kInvalidValue);
  c.set(kTransA, int(kT));
  c.set(kEpilogue, uint32_t(kDefault));
  CHECK_EQUAL(c.run(1, c.pd, c.pb), kInvalidValue);  // an algorithm of another product
  CHECK_EQUAL(cublasLtDestroy(nullptr), kInvalidValue);
}

/** Layouts that are right to the library, but larger than the memory: the device finds it. */
void past_the_end() {
  Case c;
  CUdeviceptr small = upload(ramp(4 * kN));
  CHECK_EQUAL(c.run(1, c.pd, small), kExecutionFailed);
}

}  // namespace

int main() {
  {
    Device device;
    for (auto test : {product, bias_gradient, refusals, past_the_end}) test();
  }
  return summary("driver_cublaslt_test");
}
