// A stand-in for libcublasLt.so.13 on the simulated device: the calls that this project makes, each checked as strictly
// as the documentation allows, and the product itself as kernels on the caller's stream (cublasLt_launch.cpp), so that
// the simulator checks every access and a graph can record it. It proves that the calls, layouts and pointers are
// right, nothing of NVIDIA's library: not its speed, nor which algorithms it offers, nor its rounding.
//
// Two algorithms are offered for a product, one with a workspace and one without; none where k is 1, so that programs
// show what they do when the library has none.
#include "cublasLt.h"
#include <cstdio>
#include <cstring>
#include <mutex>
#include <unordered_map>

#define LT_API extern "C" __attribute__((visibility("default")))

namespace lt {

Status refuse(Status status, const char* call, const char* why) {
  std::fprintf(stderr, "simulated cuBLASLt: %s: %s\n", call, why);
  return status;
}

namespace {

constexpr uint64_t kMagic = 0x53696D4C74416C67;
constexpr uint64_t kAlignment = 16;  // of the workspace and of bias vectors

std::mutex mutex;
std::unordered_map<const void*, Kind> live;

template <class T>
T* make(Kind kind, T value) {
  T* made = new T(value);
  std::lock_guard<std::mutex> lock(mutex);
  live[made] = kind;
  return made;
}

template <class T>
Status destroy(T* object, Kind kind, const char* call) {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = live.find(object);
  if (found == live.end() || found->second != kind) return refuse(kInvalidValue, call, "not a live object of its kind");
  live.erase(found);
  delete object;
  return kSuccess;
}

bool alive(const void* object, Kind kind) {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = live.find(object);
  return found != live.end() && found->second == kind;
}

template <class T>
Status set(T& field, const void* value, size_t bytes, const char* call) {
  if (!value || bytes != sizeof(T)) return refuse(kInvalidValue, call, "an attribute of another size");
  std::memcpy(&field, value, bytes);
  return kSuccess;
}

uint64_t bytes_of(int type) { return type == kBf16 ? 2 : 4; }

struct Problem {
  Status status;
  const char* why;
  Product product;
};

Problem wrong(Status status, const char* why) { return {status, why, {}}; }

/** The product that the descriptors describe, if they fit together and it is one of those in the table of types. */
Problem describe(const Desc* desc, const Layout* a, const Layout* b, const Layout* c, const Layout* d) {
  if (!alive(desc, kDesc)) return wrong(kInvalidValue, "not a live matmul descriptor");
  for (const Layout* layout : {a, b, c, d}) {
    if (!alive(layout, kLayout)) return wrong(kInvalidValue, "not a live matrix layout");
  }
  bool ta = desc->trans_a == kT, tb = desc->trans_b == kT;
  uint64_t m = ta ? a->cols : a->rows, k = ta ? a->rows : a->cols;
  uint64_t kb = tb ? b->cols : b->rows, n = tb ? b->rows : b->cols;
  if (k != kb || d->rows != m || d->cols != n || c->rows != m || c->cols != n) {
    return wrong(kInvalidValue, "the sizes of op(A), op(B), C and D do not fit");
  }
  if (m * n >= (1ull << 31) || k >= (1ull << 31)) return wrong(kNotSupported, "too large for the stand-in");
  if (a->type != b->type || c->type != d->type || (a->type == kF32 && d->type != kF32)) {
    return wrong(kNotSupported, "no such combination of types");
  }
  bool uses_bias = desc->epilogue == kBias || desc->epilogue == kBiasGradientB;
  if (!uses_bias && desc->epilogue != kDefault) return wrong(kNotSupported, "an epilogue that the stand-in lacks");
  int bias_type = desc->bias_type == -1 ? d->type : desc->bias_type;
  if (uses_bias && bias_type != d->type) return wrong(kNotSupported, "the bias must have the type of D");
  if (uses_bias && bias_type != kF32) return wrong(kNotSupported, "the stand-in knows f32 bias only");
  if (uses_bias && (desc->bias == 0 || desc->bias % kAlignment != 0)) {
    return wrong(kInvalidValue, "the bias pointer is null or not aligned to 16 bytes");
  }
  uint64_t in = bytes_of(a->type), out = bytes_of(d->type);
  uint64_t lda = static_cast<uint64_t>(a->ld) * in, ldb = static_cast<uint64_t>(b->ld) * in;
  return {kSuccess,
          "",
          {a->type, d->type, m, n, k, ta ? lda : in, ta ? in : lda, tb ? ldb : in, tb ? in : ldb,
           static_cast<uint64_t>(c->ld) * out, static_cast<uint64_t>(d->ld) * out, desc->epilogue}};
}

/** What an algorithm was chosen for, so that it cannot be used for anything else. */
uint64_t fingerprint(const Product& p) {
  uint64_t hash = 14695981039346656037ull;
  for (uint64_t word : {uint64_t(p.type_in), uint64_t(p.type_out), p.m, p.n, p.k, p.a_row, p.a_k, p.b_k, p.b_col, p.ldc,
                        p.ldd, uint64_t(p.epilogue)}) {
    hash = (hash ^ word) * 1099511628211ull;
  }
  return hash;
}

bool overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes) { return a < b + b_bytes && b < a + a_bytes; }

uint64_t span(const Layout* l) { return ((l->cols - 1) * static_cast<uint64_t>(l->ld) + l->rows) * bytes_of(l->type); }

}  // namespace
}  // namespace lt

using namespace lt;

LT_API Status cublasLtCreate(Handle** handle) {
  if (!handle) return refuse(kInvalidValue, "cublasLtCreate", "no place for the handle");
  *handle = make(kHandle, Handle{});
  return kSuccess;
}

LT_API Status cublasLtDestroy(Handle* handle) { return destroy(handle, kHandle, "cublasLtDestroy"); }

LT_API size_t cublasLtGetVersion() { return 0; }  // the real one: 130000 and more

LT_API const char* cublasLtGetStatusName(Status status) {
  switch (status) {
    case kSuccess:
      return "CUBLAS_STATUS_SUCCESS";
    case kNotInitialized:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case kAllocFailed:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case kInvalidValue:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case kExecutionFailed:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case kNotSupported:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "CUBLAS_STATUS_UNKNOWN";
}

LT_API Status cublasLtMatmulDescCreate(Desc** desc, int compute, int scale) {
  const char* call = "cublasLtMatmulDescCreate";
  if (!desc) return refuse(kInvalidValue, call, "no place for the descriptor");
  if (compute != kCompute32F || scale != kF32) return refuse(kNotSupported, call, "only COMPUTE_32F with R_32F scales");
  *desc = make(kDesc, Desc{});
  return kSuccess;
}

LT_API Status cublasLtMatmulDescDestroy(Desc* desc) { return destroy(desc, kDesc, "cublasLtMatmulDescDestroy"); }

LT_API Status cublasLtMatmulDescSetAttribute(Desc* desc, int attribute, const void* value, size_t bytes) {
  const char* call = "cublasLtMatmulDescSetAttribute";
  if (!alive(desc, kDesc)) return refuse(kInvalidValue, call, "not a live matmul descriptor");
  switch (attribute) {
    case kTransA:
      return set(desc->trans_a, value, bytes, call);
    case kTransB:
      return set(desc->trans_b, value, bytes, call);
    case kEpilogue:
      return set(desc->epilogue, value, bytes, call);
    case kBiasPointer:
      return set(desc->bias, value, bytes, call);
    case kBiasDataType:
      return set(desc->bias_type, value, bytes, call);
    default:
      return refuse(kNotSupported, call, "an attribute that the stand-in lacks");
  }
}

LT_API Status cublasLtMatrixLayoutCreate(Layout** layout, int type, uint64_t rows, uint64_t cols, int64_t ld) {
  const char* call = "cublasLtMatrixLayoutCreate";
  if (!layout) return refuse(kInvalidValue, call, "no place for the layout");
  if (type != kF32 && type != kBf16) return refuse(kNotSupported, call, "only R_32F and R_16BF");
  if (rows == 0 || cols == 0 || ld < static_cast<int64_t>(rows)) {
    return refuse(kInvalidValue, call, "rows and cols must not be 0, and ld must be at least rows");
  }
  *layout = make(kLayout, Layout{type, rows, cols, ld});
  return kSuccess;
}

LT_API Status cublasLtMatrixLayoutDestroy(Layout* layout) {
  return destroy(layout, kLayout, "cublasLtMatrixLayoutDestroy");
}

LT_API Status cublasLtMatmulPreferenceCreate(Preference** preference) {
  if (!preference) return refuse(kInvalidValue, "cublasLtMatmulPreferenceCreate", "no place for the preference");
  *preference = make(kPreference, Preference{});
  return kSuccess;
}

LT_API Status cublasLtMatmulPreferenceDestroy(Preference* preference) {
  return destroy(preference, kPreference, "cublasLtMatmulPreferenceDestroy");
}

LT_API Status cublasLtMatmulPreferenceSetAttribute(Preference* preference, int attribute, const void* value,
                                                   size_t bytes) {
  const char* call = "cublasLtMatmulPreferenceSetAttribute";
  if (!alive(preference, kPreference)) return refuse(kInvalidValue, call, "not a live preference");
  switch (attribute) {
    case kMaxWorkspace:
      return set(preference->workspace, value, bytes, call);
    case kReductionMask:
      return set(preference->reduction, value, bytes, call);
    case kAlignmentA:
    case kAlignmentB:
    case kAlignmentC:
    case kAlignmentD:
      return set(preference->alignment[attribute - kAlignmentA], value, bytes, call);
    default:
      return refuse(kNotSupported, call, "an attribute that the stand-in lacks");
  }
}

LT_API Status cublasLtMatmulAlgoGetHeuristic(Handle* handle, Desc* desc, Layout* a, Layout* b, Layout* c, Layout* d,
                                             Preference* preference, int wanted, Heuristic* results, int* returned) {
  const char* call = "cublasLtMatmulAlgoGetHeuristic";
  if (!alive(handle, kHandle)) return refuse(kNotInitialized, call, "not a live handle");
  if (!alive(preference, kPreference)) return refuse(kInvalidValue, call, "not a live preference");
  if (!results || !returned || wanted < 1) return refuse(kInvalidValue, call, "no place for results");
  *returned = 0;
  Problem problem = describe(desc, a, b, c, d);
  if (problem.status != kSuccess) return refuse(problem.status, call, problem.why);
  const Product& p = problem.product;
  if (p.k == 1) return kNotSupported;
  uint64_t alignments = 0;
  for (int i = 0; i < 4; i++) {
    uint32_t alignment = preference->alignment[i];
    if (alignment == 0 || (alignment & (alignment - 1)) || alignment > 256) {
      return refuse(kInvalidValue, call, "an alignment that is no power of two up to 256");
    }
    alignments |= uint64_t(alignment) << 16 * i;
  }
  bool through_workspace =
      p.partial_bytes() <= preference->workspace && (preference->reduction & kReductionComputeType);
  for (uint64_t workspace : {p.partial_bytes(), uint64_t(0)}) {
    if (*returned == wanted || (workspace > 0 && !through_workspace)) continue;
    results[(*returned)++] = {{{kMagic, workspace, fingerprint(p), alignments}}, workspace, kSuccess, 1, {}};
  }
  return kSuccess;
}

LT_API Status cublasLtMatmul(Handle* handle, Desc* desc, const void* alpha, const void* a_at, Layout* a,
                             const void* b_at, Layout* b, const void* beta, const void* c_at, Layout* c, void* d_at,
                             Layout* d, const Algo* algo, void* workspace, size_t workspace_bytes, CUstream stream) {
  const char* call = "cublasLtMatmul";
  if (!alive(handle, kHandle)) return refuse(kNotInitialized, call, "not a live handle");
  Problem problem = describe(desc, a, b, c, d);
  if (problem.status != kSuccess) return refuse(problem.status, call, problem.why);
  const Product& p = problem.product;
  if (!alpha || !beta || !algo) return refuse(kInvalidValue, call, "alpha, beta or the algorithm is null");
  if (algo->data[0] != kMagic || algo->data[2] != fingerprint(p)) {
    return refuse(kInvalidValue, call, "the algorithm is not one that the heuristic gave for this product");
  }
  const void* pointers[] = {a_at, b_at, c_at, d_at};
  for (int i = 0; i < 4; i++) {
    uint64_t alignment = algo->data[3] >> 16 * i & 0xFFFF;
    if (!pointers[i] || reinterpret_cast<uint64_t>(pointers[i]) % alignment != 0) {
      return refuse(kInvalidValue, call, "a matrix is null or less aligned than the heuristic was told");
    }
  }
  auto at = [](const void* pointer) { return reinterpret_cast<uint64_t>(pointer); };
  if (overlap(at(d_at), span(d), at(a_at), span(a)) || overlap(at(d_at), span(d), at(b_at), span(b))) {
    return refuse(kInvalidValue, call, "D overlaps A or B");
  }
  if (c_at == d_at ? p.ldc != p.ldd : overlap(at(d_at), span(d), at(c_at), span(c))) {
    return refuse(kInvalidValue, call, "D overlaps C and is not C");
  }
  uint64_t needed = algo->data[1];
  if (needed > workspace_bytes || (needed > 0 && (!workspace || at(workspace) % kAlignment != 0))) {
    return refuse(kInvalidValue, call, "the workspace is too small or not aligned to 16 bytes");
  }
  float scales[2];
  std::memcpy(&scales[0], alpha, sizeof(float));
  std::memcpy(&scales[1], beta, sizeof(float));
  return launch(p, at(d_at), at(c_at), at(a_at), at(b_at), desc->bias, needed > 0 ? at(workspace) : 0, scales[0],
                scales[1], stream);
}
