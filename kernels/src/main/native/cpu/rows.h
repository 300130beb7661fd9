// rows.h: copies, sums and standardisation of rows of n values, for kernels that move or compare tokens and patches.
#pragma once
#include "simd.h"

namespace {

template <typename Y, typename X>
inline void copy_row(Y* y, const X* x, long n) {
  sweep(0, n, [=](long i, int count) { put(y + i, get(x + i, count), count); });
}
/** y = a + b; y may be a or b. */
template <typename Y, typename A, typename B>
inline void add_rows(Y* y, const A* a, const B* b, long n) {
  sweep(0, n, [=](long i, int count) { put(y + i, get(a + i, count) + get(b + i, count), count); });
}
template <typename T>
inline void zero_row(T* y, long n) {
  __builtin_memset(y, 0, static_cast<unsigned long>(n) * sizeof(T));
}

struct Moments {
  float mean, rstd;
};

/** Mean and 1/sqrt(var + 1e-6) of a row, var about the mean with divisor n-1 (a row of one value has var 0). */
template <typename T>
inline Moments moments(const T* x, long n) {
  float mean = sum_over(n, [=](long i, int count) { return get(x + i, count); }) / static_cast<float>(n);
  float squares = sum_over(n, [=](long i, int count) {
    vfloat d = keep(get(x + i, count) - splat(mean), count);
    return d * d;
  });
  float var = n > 1 ? squares / static_cast<float>(n - 1) : 0.0f;
  return {mean, 1.0f / __builtin_sqrtf(var + 1e-6f)};
}

/** `count` values of the standardised row z from column i on. */
template <typename T>
inline vfloat standardized(const T* z, Moments m, long i, int count) {
  return (get(z + i, count) - splat(m.mean)) * splat(m.rstd);
}
/** s - t of the same values, t = standardized(z). */
template <typename S, typename Z>
inline vfloat error(const S* s, const Z* z, Moments m, long i, int count) {
  return get(s + i, count) - standardized(z, m, i, count);
}

}  // namespace
