// transpose.h: a square of vectors turned in registers.
#pragma once
#include "simd.h"

namespace {

/** to[k][lane] = from[lane][k] for a square of kLanes. */
inline void transpose(float* to, long to_stride, const float* from, long from_stride) {
  vfloat x[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; i++) x[i] = load(from + i * from_stride);
#pragma GCC unroll 4
  for (int step = 1; step < kLanes; step *= 2) {
    vint low, high;
    for (int l = 0; l < kLanes; l++) {
      low[l] = l & step ? l - step + kLanes : l;
      high[l] = l & step ? l + kLanes : l + step;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; i++)
      if (!(i & step)) {
        vfloat a = x[i], b = x[i + step];
        x[i] = __builtin_shuffle(a, b, low);
        x[i + step] = __builtin_shuffle(a, b, high);
      }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; i++) store(to + i * to_stride, x[i]);
}

}  // namespace
