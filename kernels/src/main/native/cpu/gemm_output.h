// gemm_output.h: where a product's sums go: through a bias, GELU or residual to C, rounded once if C is bf16.
#pragma once
#include "gelu.h"
#include "pool.h"
#include "simd.h"

namespace {

/** What happens to the sums on their way to C. */
enum Kind { kWrite, kAdd, kGelu, kResidual };

/** C [m, n], rows ldc apart, and what enters it. residual and pre lie like C; scale has one value a sample. */
template <typename T>
struct Output {
  T* c;
  long ldc;
  Kind kind = kWrite;
  const float* bias = nullptr;
  const T* residual = nullptr;
  const float* scale = nullptr;
  long rows_per_sample = 1;
  T* pre = nullptr;
};
template <typename T>
inline Output<T> output(T* c, long ldc, Kind kind, const float* bias) {
  return {c, ldc, kind, bias};
}

inline long round_up(long a, long b) { return ceil_div(a, b) * b; }

/** Takes rows x cols sums, `stride` apart, to C at (row, col). The residual and the bias enter with the first block of
 * k. */
template <typename T>
inline void finish(const Output<T>& out, const float* sums, long stride, long row, long col, long rows, long cols,
                   bool first, bool last) {
  for (long i = 0; i < rows; i++) {
    const long at = (row + i) * out.ldc + col;
    const float scale = out.scale ? out.scale[(row + i) / out.rows_per_sample] : 1.0f;
    for (long j = 0; j < cols; j += kLanes) {
      const int n = static_cast<int>(min_of(kLanes, cols - j));
      vfloat v = load(sums + i * stride + j);
      if (first && out.bias) v += get(out.bias + col + j, n);
      if (out.kind == kResidual)
        v = fma(v, splat(scale), get((first ? out.residual : out.c) + at + j, n));
      else if (!first || out.kind == kAdd)
        v += get(out.c + at + j, n);
      if (last && out.kind == kGelu) {
        if (out.pre) put(out.pre + at + j, v, n);
        v = vgelu(v);
      }
      put(out.c + at + j, v, n);
    }
  }
}

/** Fetches what finish will read or write, while the product is computed. */
template <typename T>
inline void prefetch(const Output<T>& out, long row, long col, long rows, long cols, bool first, bool last) {
  constexpr long kLine = 64 / sizeof(T);
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < cols; j += kLine) {
      __builtin_prefetch(out.c + (row + i) * out.ldc + col + j, 1);
      if (first && out.residual) __builtin_prefetch(out.residual + (row + i) * out.ldc + col + j);
      if (last && out.pre) __builtin_prefetch(out.pre + (row + i) * out.ldc + col + j, 1);
    }
}

}  // namespace
