// rows.h: copies, sums and standardisation of rows of n values, for kernels that move or compare tokens and patches.
#pragma once
#include "simd.h"

namespace {

inline void copy_row(float* y, const float* x, long n) {
  sweep(0, n, [=](long i, int count) { put(y + i, get(x + i, count), count); });
}
/** y = a + b; y may be a or b. */
inline void add_rows(float* y, const float* a, const float* b, long n) {
  sweep(0, n, [=](long i, int count) { put(y + i, get(a + i, count) + get(b + i, count), count); });
}
inline void zero_row(float* y, long n) { __builtin_memset(y, 0, static_cast<unsigned long>(n) * sizeof(float)); }

struct Moments {
  float mean, rstd;
};

/** Mean and 1/sqrt(var + 1e-6) of a row, var about the mean with divisor n-1 (a row of one value has var 0). */
inline Moments moments(const float* x, long n) {
  float mean = sum_over(n, [=](long i, int count) { return get(x + i, count); }) / static_cast<float>(n);
  float squares = sum_over(n, [=](long i, int count) {
    vfloat d = keep(get(x + i, count) - splat(mean), count);
    return d * d;
  });
  float var = n > 1 ? squares / static_cast<float>(n - 1) : 0.0f;
  return {mean, 1.0f / __builtin_sqrtf(var + 1e-6f)};
}

/** `count` values of the standardised row z from column i on. */
inline vfloat standardized(const float* z, Moments m, long i, int count) {
  return (get(z + i, count) - splat(m.mean)) * splat(m.rstd);
}
/** s - t of the same values, t = standardized(z). */
inline vfloat error(const float* s, const float* z, Moments m, long i, int count) {
  return get(s + i, count) - standardized(z, m, i, count);
}

}  // namespace
