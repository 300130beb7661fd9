// attention_tiles.h: what attention.cpp is made of: arithmetic in vectors of any width, 4x4 transposes, and products
// whose tile of results stays in registers.
#pragma once
#include "attention_storage.h"
#include "pool.h"
#include "simd.h"

namespace {

#if defined(__AVX512F__)
constexpr int kAccumulators = 24, kMostVecs = 4;
#else
constexpr int kAccumulators = 12, kMostVecs = 2;
#endif
constexpr int kMostRows = 8;
constexpr int kStepsAtOnce = kLanes == 8 ? 2 : 1;  // of a product

typedef float v4 __attribute__((vector_size(16)));
typedef float v8 __attribute__((vector_size(32)));

template <typename V>
inline V load_as(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <typename V>
inline void store_as(float* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}
template <typename V>
inline V all(float x) {
  return x - V{};
}
template <typename V>
constexpr int kWidth = sizeof(V) / 4;

/** a * b + c for any vector width. */
template <typename V>
inline V muladd(V a, V b, V c) {
#if defined(__FMA__)
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64) return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#endif
  if constexpr (sizeof(V) == 32) return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
  if constexpr (sizeof(V) == 16) return (V)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
#else
  return a * b + c;
#endif
}

/**
 * 2^x for x <= 1, about 1 ulp, as 2^n * p(r), r = x - n in [-1/2, 1/2], p minimax of degree 6 (error 2.6e-9). Clamped
 * at 2^-100, so that products with it are not denormal. NaN gives NaN.
 */
template <typename V>
inline V exp2_of(V x) {
  const V low = all<V>(-100.0f), magic = all<V>(12583039.0f);  // 1.5 * 2^23 + 127: rounds, and biases the exponent
  x = low > x ? low : x;
  V biased = x + magic;
  V r = x - (biased - magic);
  V p = all<V>(1.559467818e-4f);
  p = muladd(p, r, all<V>(1.34066439e-3f));
  p = muladd(p, r, all<V>(9.617692973e-3f));
  p = muladd(p, r, all<V>(5.550310551e-2f));
  p = muladd(p, r, all<V>(2.402265278e-1f));
  p = muladd(p, r, all<V>(6.93147215e-1f));
  p = muladd(p, r, all<V>(1.0f));
  decltype(V{} < V{}) bits;
  __builtin_memcpy(&bits, &biased, sizeof bits);
  bits <<= 23;
  V scale;
  __builtin_memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

/** Natural logarithm of a positive normal number: ln 2^e + 2 atanh((m-1)/(m+1)), m in [0.7, 1.42). NaN gives NaN. */
template <typename V>
inline V log_of(V x) {
  decltype(V{} < V{}) bits, exponent;
  __builtin_memcpy(&bits, &x, sizeof bits);
  exponent = (bits - 0x3f3504f3) >> 23;
  bits -= exponent << 23;
  V m;
  __builtin_memcpy(&m, &bits, sizeof m);
  V s = (m - 1.0f) / (m + 1.0f), s2 = s * s;
  V p = muladd(s2, all<V>(1.0f / 9), all<V>(1.0f / 7));
  p = muladd(p, s2, all<V>(1.0f / 5));
  p = muladd(p, s2, all<V>(1.0f / 3));
  p = muladd(p, s2, all<V>(1.0f));
  V value = muladd(__builtin_convertvector(exponent, V), all<V>(0.693147181f), 2.0f * s * p);
  return x == x ? value : x;
}

// ---- 4x4 blocks: lane group g of r[t] holds 4 values of row 4g + t ----

template <typename V>
inline void gather_rows(V (&r)[4], const float* const* row, long at) {
  for (int t = 0; t < 4; t++) {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64) {
      __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(row[t] + at));
      v = _mm512_mask_broadcast_f32x4(v, 0x00f0, _mm_loadu_ps(row[t + 4] + at));
      v = _mm512_mask_broadcast_f32x4(v, 0x0f00, _mm_loadu_ps(row[t + 8] + at));
      r[t] = (V)_mm512_mask_broadcast_f32x4(v, 0xf000, _mm_loadu_ps(row[t + 12] + at));
    }
#endif
#if defined(__AVX2__)
    if constexpr (sizeof(V) == 32) r[t] = (V)_mm256_loadu2_m128(row[t + 4] + at, row[t] + at);
#endif
    if constexpr (sizeof(V) == 16) r[t] = load_as<V>(row[t] + at);
  }
}

template <int...>
struct Lanes {};

/** Lane i of zip: of group i/4, counted in the two vectors one behind the other. */
template <int step, bool high>
constexpr int zip_from(int i, int width) {
  int lane = step == 1 ? i % 4 / 2 : i % 2;
  return (i % 4 / (step == 1 ? 1 : 2) % 2) * width + i / 4 * 4 + lane + 2 * high;
}

template <int step, bool high, typename V, int... i>
inline V zip_lanes(V a, V b, Lanes<i...>) {
  return __builtin_shufflevector(a, b, zip_from<step, high>(i, sizeof...(i))...);
}

/** In every group of 4 lanes: `step` 1 takes a0 b0 a1 b1, 2 takes a0 a1 b0 b1; those of the upper half if `high`. */
template <int step, bool high, typename V>
inline V zip(V a, V b) {
  return zip_lanes<step, high>(a, b, Lanes<__integer_pack(kWidth<V>)...>{});
}

/** Transposes every 4x4 block. */
template <typename V>
inline void turn(V (&r)[4]) {
  V a = zip<1, false>(r[0], r[1]), b = zip<1, false>(r[2], r[3]);
  V c = zip<1, true>(r[0], r[1]), d = zip<1, true>(r[2], r[3]);
  r[0] = zip<2, false>(a, b);
  r[1] = zip<2, true>(a, b);
  r[2] = zip<2, false>(c, d);
  r[3] = zip<2, true>(c, d);
}

/** to[d][0..width) = rows[first + lane][d]; lanes behind row `count` repeat the last row. */
template <typename V>
void transpose(float* to, long to_stride, Rows rows, long first, long count, int size) {
  constexpr int kW = kWidth<V>;
  const float* row[kW];
  for (int i = 0; i < kW; i++) row[i] = rows[min_of(first + i, count - 1)];
  int d = 0;
  for (; d + 4 <= size; d += 4) {
    V r[4];
    gather_rows(r, row, d);
    turn(r);
    for (int t = 0; t < 4; t++) store_as(to + (d + t) * to_stride, r[t]);
  }
  for (; d < size; d++)
    for (int i = 0; i < kW; i++) to[d * to_stride + i] = row[i][d];
}

// ---- products ----

/** f(r, v) for every accumulator of a tile, unrolled: in a loop GCC keeps the tile on the stack. */
template <int kRows, int kVecs, typename F>
inline __attribute__((always_inline)) void each(F f) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; r++)
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; v++) f(r, v);
}

/** acc[r][v] = sum over k of a(r, k) * b[k][v]; a(r, k) = a[r * stride + k], or a[k * stride + r] if kTurned. */
template <bool kTurned, typename V, int kRows, int kVecs>
inline __attribute__((always_inline)) void product(V (&acc)[kRows][kVecs], const float* a, long a_stride,
                                                   const float* b, long b_stride, long steps) {
  each<kRows, kVecs>([&](int r, int v) { acc[r][v] = V{}; });
#pragma GCC unroll kStepsAtOnce
  for (long k = 0; k < steps; k++) {
    V right[kVecs];
    each<1, kVecs>([&](int, int v) { right[v] = load_as<V>(b + k * b_stride + v * kWidth<V>); });
    each<kRows, kVecs>([&](int r, int v) {
      V left = all<V>(kTurned ? a[k * a_stride + r] : a[r * a_stride + k]);
      acc[r][v] = muladd(left, right[v], acc[r][v]);
    });
  }
}

template <int kVecs, typename F>
inline void row_tiles(long rows, long vec, F& f) {
  constexpr int kMost = kAccumulators / kVecs < kMostRows ? kAccumulators / kVecs : kMostRows;
  for (long tiles = ceil_div(rows, kMost), row = 0; tiles > 0; tiles--) {
    long count = ceil_div(rows - row, tiles);
    switch (count) {
#define SK_ROWS(n)                                                       \
  case n:                                                                \
    if constexpr (n <= kMost) f.template operator()<n, kVecs>(row, vec); \
    break;
      SK_ROWS(1) SK_ROWS(2) SK_ROWS(3) SK_ROWS(4) SK_ROWS(5) SK_ROWS(6) SK_ROWS(7) SK_ROWS(8)
#undef SK_ROWS
    }
    row += count;
  }
}

/** f<rows, vecs>(row, vec) for every tile of a matrix of rows x vecs: tiles as large as the registers, and as even. */
template <typename F>
inline void for_tiles(long rows, long vecs, F f) {
  for (long groups = ceil_div(vecs, kMostVecs), vec = 0; groups > 0; groups--) {
    long count = ceil_div(vecs - vec, groups);
    if (count == 1) row_tiles<1>(rows, vec, f);
    if (count == 2) row_tiles<2>(rows, vec, f);
    if constexpr (kMostVecs > 2) {
      if (count == 3) row_tiles<3>(rows, vec, f);
      if (count == 4) row_tiles<4>(rows, vec, f);
    }
    vec += count;
  }
}
/** The number 1 as a type: a tail of one vector needs none of the wider tiles, which take long to compile. */
struct One {
  constexpr operator long() const { return 1; }
};
template <typename F>
inline void for_tiles(long rows, One, F f) {
  row_tiles<1>(rows, 0, f);
}
#define SK_TILE [&]<int kRows, int kVecs> [[gnu::noinline]]

}  // namespace
