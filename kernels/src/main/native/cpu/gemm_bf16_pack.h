// gemm_bf16_pack.h: the operands of a bf16 product as pairs.h multiplies them.
#pragma once
#if defined(__AVX512BF16__)
#include "pairs.h"

namespace {

constexpr long kPanel = 32, kStrip = 32;  // columns of a panel of B, rows of a strip of A
constexpr long kLeftStrips = 8;           // strips that are packed side by side: 512 bytes of a row
constexpr long kAheadRows = 16;           // rows that packing fetches ahead

/**
 * to[k][lane] = from[lane][k], 16 x 16, as transpose.h; inserts from memory need no shuffle: 32 of those instead of 64.
 * It reads a row in four pieces, so f32 products, whose rows may all meet in one set of L1, lose by it (.92x at 3,072
 * values). Masked forms: GCC 12 warns in the others.
 */
inline void turn(float* to, long to_stride, const float* from, long from_stride) {
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

/** B[k][n] from b[k * ldb + n], or turned: from b[n * ldb + k]. */
struct Right {
  const bf16* b;
  long ldb;
  bool turned;
};

/** Pairs of columns [j0, j0 + cols) of B: panels of kPanel columns, [up32(depth)/2][kPanel] pairs each, zeros outside.
 */
void pack_right(bf16* to, const Right& from, long depth, long j0, long cols) {
  const long panel = kPanel * up32(depth);
  if (!from.turned) {
    for (long k = 0; k < up32(depth); k += 2) {
      const bf16* row = from.b + k * from.ldb + j0;
      for (long j = 0; j < cols; j += kPanel) {
        __builtin_prefetch(row + kAheadRows * from.ldb + j, 0, 2);
        __builtin_prefetch(row + (kAheadRows + 1) * from.ldb + j, 0, 2);
        __m512i even = k < depth ? load_halves(row + j, cols - j) : __m512i{};
        __m512i odd = k + 1 < depth ? load_halves(row + from.ldb + j, cols - j) : __m512i{};
        bf16* at = to + j / kPanel * panel + k * kPanel;
        interleave(even, odd, at, at + kPanel);
      }
    }
    return;
  }
  for (long j = 0; j < up32(cols); j += kPanel)
    for (long k = 0; k < up32(depth); k += 32) {
      const bf16* row = from.b + (j0 + j) * from.ldb + k;
      bf16* at = to + j / kPanel * panel + k * kPanel;
      for (long i = 0; i < kPanel && k % 64 == 0; i++)  // the next two lines of each row: neighbours come together
        for (long ahead = 64; ahead < 128; ahead += 32) __builtin_prefetch(row + i * from.ldb + ahead, 0, 2);
      for (long side = 0; side < kPanel; side += 16) {
        const bf16* source = row + side * from.ldb;
        long stride = from.ldb;
        alignas(64) bf16 edge[16 * 32];
        if (j + side + 16 > cols || k + 32 > depth || stride % 2) {
          for (long i = 0; i < 16; i++) {
            long n = j + side + i < cols ? depth - k : 0;
            _mm512_store_si512(edge + i * 32, n > 0 ? load_halves(source + i * stride, n) : __m512i{});
          }
          source = edge;
          stride = 32;
        }
        turn(reinterpret_cast<float*>(at + 2 * side), kPanel, reinterpret_cast<const float*>(source), stride / 2);
      }
    }
}

/** Half of 32 values, widened. GCC 12 warns inside the forms without a mask. */
template <int kHalf>
inline vfloat half(__m512i values) {
  return widen((vhalf)_mm512_maskz_extracti64x4_epi64((__mmask8)-1, values, kHalf));
}

/**
 * Columns of a as rows of A: strips of kStrip, [up32(depth)/32][kStrip][32] each and `strip` values apart, zeros
 * outside. sums[i] (nullable) = the sum of column i.
 */
void pack_left(bf16* to, long strip, const bf16* a, long lda, long cols, long depth, float* sums) {
  alignas(64) int32_t pairs[16 * 32];
  vfloat low[kLeftStrips] = {}, high[kLeftStrips] = {};
  for (long k = 0; k < up32(depth); k += 32)
    for (long s = 0; s * kStrip < cols; s++) {
      const long left = cols - s * kStrip;
      for (long u = 0; u < 32; u += 2) {
        const bf16* row = a + (k + u) * lda + s * kStrip;
        __builtin_prefetch(row + 32 * lda, 0, 2);
        __builtin_prefetch(row + 33 * lda, 0, 2);
        __m512i even = k + u < depth ? load_halves(row, left) : __m512i{};
        __m512i odd = k + u + 1 < depth ? load_halves(row + lda, left) : __m512i{};
        low[s] += half<0>(even) + half<0>(odd);
        high[s] += half<1>(even) + half<1>(odd);
        interleave(even, odd, pairs + u / 2 * 32, pairs + u / 2 * 32 + 16);
      }
      bf16* at = to + s * strip + k * kStrip;
      for (long side = 0; side < 32; side += 16)
        turn(reinterpret_cast<float*>(at + side * 32), 16, reinterpret_cast<float*>(pairs + side), 32);
    }
  for (long s = 0; sums && s * kStrip < cols; s++)
    for (long side = 0; side < 2; side++) {
      const int n = static_cast<int>(min_of(16, cols - s * kStrip - 16 * side));
      if (n > 0) put(sums + s * kStrip + 16 * side, side ? high[s] : low[s], n);
    }
}

/** `depth` values of up to 32 rows of A: rows `stride` apart, 32 values of a row `step`; zeros outside. */
inline void copy_left(bf16* to, long stride, long step, const bf16* a, long lda, long rows, long depth) {
  for (long k0 = 0; k0 < depth; k0 += 1024)
    for (long i = 0; i < kStrip; i++)
      for (long k = k0; k < min_of(k0 + 1024, depth); k += 32) {
        __builtin_prefetch(a + (i + 1) * lda + k, 0, 2);
        _mm512_storeu_si512(to + i * stride + k / 32 * step,
                            i < rows ? load_halves(a + i * lda + k, depth - k) : __m512i{});
      }
}

}  // namespace
#endif
