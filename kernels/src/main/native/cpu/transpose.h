// transpose.h: a square of vectors turned in registers.
#pragma once
#include "simd.h"

namespace {

/** to[k][lane] = from[lane][k] for a square of kLanes. */
#if defined(__AVX512F__)
inline void transpose(float* to, long to_stride, const float* from, long from_stride) {
  // Inserts from memory need no shuffle: 32 of those a square instead of 64. Masked forms: GCC 12 warns in the others.
  constexpr __mmask16 kAll = (__mmask16)-1;
  constexpr __mmask8 kPairs = (__mmask8)-1;
#pragma GCC unroll 4
  for (int k = 0; k < 16; k += 4) {
    __m512 x[4];  // lane l of x[i]: values k..k+3 of row i + 4l
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      const float* at = from + i * from_stride + k;
      x[i] = _mm512_castps128_ps512(_mm_loadu_ps(at));
      x[i] = _mm512_maskz_insertf32x4(kAll, x[i], _mm_loadu_ps(at + 4 * from_stride), 1);
      x[i] = _mm512_maskz_insertf32x4(kAll, x[i], _mm_loadu_ps(at + 8 * from_stride), 2);
      x[i] = _mm512_maskz_insertf32x4(kAll, x[i], _mm_loadu_ps(at + 12 * from_stride), 3);
    }
    const __m512d low01 = _mm512_castps_pd(_mm512_maskz_unpacklo_ps(kAll, x[0], x[1]));
    const __m512d low23 = _mm512_castps_pd(_mm512_maskz_unpacklo_ps(kAll, x[2], x[3]));
    const __m512d high01 = _mm512_castps_pd(_mm512_maskz_unpackhi_ps(kAll, x[0], x[1]));
    const __m512d high23 = _mm512_castps_pd(_mm512_maskz_unpackhi_ps(kAll, x[2], x[3]));
    float* row = to + k * to_stride;
    _mm512_storeu_pd(row, _mm512_maskz_unpacklo_pd(kPairs, low01, low23));
    _mm512_storeu_pd(row + to_stride, _mm512_maskz_unpackhi_pd(kPairs, low01, low23));
    _mm512_storeu_pd(row + 2 * to_stride, _mm512_maskz_unpacklo_pd(kPairs, high01, high23));
    _mm512_storeu_pd(row + 3 * to_stride, _mm512_maskz_unpackhi_pd(kPairs, high01, high23));
  }
}
#else
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
#endif

}  // namespace
