// The binary interface of cuBLASLt 13, as far as the stand-in has it: names, values and layouts as in NVIDIA's
// documentation of cuBLAS ("Using the cuBLASLt API"). Linked to by programs that were compiled against cublasLt.h.
#pragma once
#include <cstddef>
#include <cstdint>

using CUstream = struct CUstream_st*;

namespace lt {

enum Status : int {
  kSuccess = 0,
  kNotInitialized = 1,
  kAllocFailed = 3,
  kInvalidValue = 7,
  kExecutionFailed = 13,
  kNotSupported = 15
};

enum Type : int { kF32 = 0, kBf16 = 14 };  // cudaDataType_t
enum Compute : int { kCompute32F = 68 };
enum Operation : int { kN = 0, kT = 1 };
enum Epilogue : uint32_t { kDefault = 1, kBias = 4, kBiasGradientB = 512 };
enum Reduction : uint32_t { kReductionComputeType = 2 };

enum DescAttribute : int { kTransA = 3, kTransB = 4, kEpilogue = 7, kBiasPointer = 8, kBiasDataType = 26 };
enum PreferenceAttribute : int {
  kMaxWorkspace = 1,
  kReductionMask = 3,
  kAlignmentA = 5,
  kAlignmentB = 6,
  kAlignmentC = 7,
  kAlignmentD = 8
};

struct Algo {
  uint64_t data[8];
};

struct Heuristic {
  Algo algo;
  size_t workspace;
  Status state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(Heuristic) == 96);

/** What every handle and descriptor begins with: which kind it is. */
enum Kind : uint64_t { kHandle, kDesc, kLayout, kPreference };

struct Handle {};

struct Desc {
  int trans_a = kN, trans_b = kN;
  uint32_t epilogue = kDefault;
  uint64_t bias = 0;
  int bias_type = -1;
};

struct Layout {
  int type;
  uint64_t rows, cols;
  int64_t ld;
};

struct Preference {
  uint64_t workspace = 0;
  uint32_t reduction = 7;
  uint32_t alignment[4] = {256, 256, 256, 256};  // of A, B, C, D
};

/** A product that was checked: D [m, n] = alpha A B + beta C, with strides in bytes. */
struct Product {
  int type_in, type_out;
  uint64_t m, n, k;
  uint64_t a_row, a_k, b_k, b_col, ldc, ldd;
  uint32_t epilogue;

  uint64_t partial_bytes() const { return m * n * 4; }
};

/** Puts the kernels of a product into the stream: through the workspace in two launches, or in one without. */
Status launch(const Product& p, uint64_t d, uint64_t c, uint64_t a, uint64_t b, uint64_t bias, uint64_t workspace,
              float alpha, float beta, CUstream stream);

/** Prints why a call is refused, and returns the status. */
Status refuse(Status status, const char* call, const char* why);

}  // namespace lt
