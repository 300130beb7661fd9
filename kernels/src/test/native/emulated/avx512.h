// avx512.h: the AVX-512, AVX-512-BF16 and AMX instructions that the kernels name, in C++ for x86-64-v3.
//
// Included before everything else (see SDAE_EMULATE in the Makefile), it defines those sets' macros, so that their code
// is compiled, and puts functions in the intrinsics' place. An intrinsic that is not here does not compile. What each
// does is from Intel's Software Developer's Manual, volume 2.
#pragma once
#include <immintrin.h>
#include <stdint.h>

#define __AVX512F__ 1
#if SK_EMULATED > 1
#define __AVX512BF16__ 1
#endif

namespace {
namespace emulated {

typedef uint16_t u16x32 __attribute__((vector_size(64)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint64_t u64x8 __attribute__((vector_size(64)));
typedef float f32x16 __attribute__((vector_size(64)));

template <typename T>
inline constexpr int kLanesOf = sizeof(T) / sizeof(T{}[0]);

/** r[i] = f(i) where bit i of the mask is set, else 0. */
template <typename V, typename F>
inline V lanes(uint64_t mask, F f) {
  V r = {};
  for (int i = 0; i < kLanesOf<V>; i++)
    if (mask >> i & 1) r[i] = f(i);
  return r;
}
constexpr uint64_t kAll = ~0ull;

inline float float_of(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, 4);
  return x;
}
inline uint32_t bits_of(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  return bits;
}

// ---- loads and stores: nothing is touched where the mask is zero ----

template <typename V, typename T>
__attribute__((noinline)) V load(uint64_t mask, const void* p, V otherwise) {
  for (int i = 0; i < kLanesOf<V>; i++)
    if (mask >> i & 1) {
      T x;
      __builtin_memcpy(&x, static_cast<const char*>(p) + i * sizeof(T), sizeof(T));
      otherwise[i] = x;
    }
  return otherwise;
}
template <typename T, typename V>
__attribute__((noinline)) void store(void* p, uint64_t mask, V v) {
  for (int i = 0; i < kLanesOf<V>; i++)
    if (mask >> i & 1) {
      T x = v[i];
      __builtin_memcpy(static_cast<char*>(p) + i * sizeof(T), &x, sizeof(T));
    }
}

// ---- bf16 ----

inline float flush(float x) { return float_of((bits_of(x) & 0x7f800000u) ? bits_of(x) : bits_of(x) & 0x80000000u); }
inline uint16_t round_to_bf16(float x) {
  uint32_t bits = bits_of(flush(x));
  if (x != x) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline float widen(uint16_t bits) { return flush(float_of(static_cast<uint32_t>(bits) << 16)); }
inline float fma(float a, float b, float c) { return flush(__builtin_fmaf(a, b, flush(c))); }

/** VDPBF16PS: the odd product, then the even one, each added in one rounding. */
__attribute__((noinline, unused)) f32x16 dot_pairs(f32x16 sum, u16x32 a, u16x32 b) {
  for (int i = 0; i < 16; i++) {
    float odd = fma(widen(a[2 * i + 1]), widen(b[2 * i + 1]), sum[i]);
    sum[i] = fma(widen(a[2 * i]), widen(b[2 * i]), odd);
  }
  return sum;
}

// ---- the instructions ----

#define SK_OP(type) inline __attribute__((always_inline)) type

struct Halves {
  __m256 low, high;
  SK_OP() Halves(__m256 l, __m256 h) : low(l), high(h) {}
  SK_OP() explicit Halves(f32x16 v) {
    __builtin_memcpy(&low, &v, 32);
    __builtin_memcpy(&high, reinterpret_cast<const char*>(&v) + 32, 32);
  }
  SK_OP(f32x16) whole() const {
    f32x16 v;
    __builtin_memcpy(&v, &low, 32);
    __builtin_memcpy(reinterpret_cast<char*>(&v) + 32, &high, 32);
    return v;
  }
};
SK_OP(f32x16) keep(__mmask16 m, f32x16 v) {
  return m == 0xffff ? v : lanes<f32x16>(m, [&](int i) { return v[i]; });
}

SK_OP(__m512) fmadd_ps(__m512 a, __m512 b, __m512 c) {
  Halves x(a), y(b), z(c);
  return Halves(_mm256_fmadd_ps(x.low, y.low, z.low), _mm256_fmadd_ps(x.high, y.high, z.high)).whole();
}
SK_OP(__m512) maskz_max_ps(__mmask16 m, __m512 a, __m512 b) {
  Halves x(a), y(b);
  return keep(m, Halves(_mm256_max_ps(x.low, y.low), _mm256_max_ps(x.high, y.high)).whole());
}
SK_OP(__m512) maskz_min_ps(__mmask16 m, __m512 a, __m512 b) {
  Halves x(a), y(b);
  return keep(m, Halves(_mm256_min_ps(x.low, y.low), _mm256_min_ps(x.high, y.high)).whole());
}
SK_OP(__m512) maskz_sqrt_ps(__mmask16 m, __m512 a) {
  Halves x(a);
  return keep(m, Halves(_mm256_sqrt_ps(x.low), _mm256_sqrt_ps(x.high)).whole());
}
/** Only to the nearest even (8: no exceptions). */
SK_OP(__m512) maskz_roundscale_ps(__mmask16 m, __m512 a, int how) {
  if (how != 8) __builtin_trap();
  Halves x(a);
  return keep(m, Halves(_mm256_round_ps(x.low, 8), _mm256_round_ps(x.high, 8)).whole());
}
SK_OP(__m512i) add_epi16(__m512i a, __m512i b) { return (__m512i)((u16x32)a + (u16x32)b); }
SK_OP(__m512i) maskz_mul_epu32(__mmask8 m, __m512i a, __m512i b) {
  return (__m512i)lanes<u64x8>(m, [&](int i) { return (a[i] & 0xffffffffll) * (b[i] & 0xffffffffll); });
}
/** Only for denormals (0x20). */
SK_OP(__mmask16) fpclass_ps_mask(__m512 a, int which) {
  if (which != 0x20) __builtin_trap();
  __mmask16 m = 0;
  for (int i = 0; i < 16; i++) {
    uint32_t bits = bits_of(a[i]) & 0x7fffffffu;
    m |= static_cast<__mmask16>((bits != 0 && bits < 0x00800000u) << i);
  }
  return m;
}

SK_OP(__m512) set1_ps(float x) { return f32x16{} + x; }
SK_OP(__m512i) set1_epi32(int x) { return (__m512i)(u32x16{} + static_cast<uint32_t>(x)); }
SK_OP(__m512i) set1_epi16(short x) { return (__m512i)(u16x32{} + static_cast<uint16_t>(x)); }
/** The last argument is lane 0. */
template <typename V, typename... X>
SK_OP(__m512i)
set(X... x) {
  const long long from_last[] = {x...};
  return (__m512i)lanes<V>(kAll, [&](int i) { return from_last[kLanesOf<V> - 1 - i]; });
}
SK_OP(__m512) castps128_ps512(__m128 a) {
  return lanes<f32x16>(0xf, [&](int i) { return a[i]; });
}

SK_OP(__m512i) maskz_cvtepu8_epi32(__mmask16 m, __m128i a) {
  typedef uint8_t u8x16 __attribute__((vector_size(16)));
  return (__m512i)lanes<u32x16>(m, [&](int i) { return ((u8x16)a)[i]; });
}
SK_OP(__m512i) maskz_cvtepu16_epi32(__mmask16 m, __m256i a) {
  return (__m512i)lanes<u32x16>(m, [&](int i) { return ((u16x16)a)[i]; });
}
SK_OP(__m512) maskz_cvtepi32_ps(__mmask16 m, __m512i a) {
  return lanes<f32x16>(m, [&](int i) { return static_cast<float>(static_cast<int32_t>(((u32x16)a)[i])); });
}
SK_OP(__m256i) maskz_cvtepi32_epi16(__mmask16 m, __m512i a) {
  return (__m256i)lanes<u16x16>(m, [&](int i) { return static_cast<uint16_t>(((u32x16)a)[i]); });
}
SK_OP(__m256bh) cvtneps_pbh(__m512 a) {
  return (__m256bh)lanes<u16x16>(kAll, [&](int i) { return round_to_bf16(a[i]); });
}
SK_OP(__m512bh) cvtne2ps_pbh(__m512 high, __m512 low) {
  return (__m512bh)lanes<u16x32>(kAll, [&](int i) { return round_to_bf16(i < 16 ? low[i] : high[i - 16]); });
}
SK_OP(__m512) dpbf16_ps(__m512 sum, __m512bh a, __m512bh b) { return dot_pairs(sum, (u16x32)a, (u16x32)b); }

// Shuffles in each quarter of a vector, and of quarters.
SK_OP(__m512) maskz_shuffle_ps(__mmask16 m, __m512 a, __m512 b, int order) {
  return lanes<f32x16>(m, [&](int i) { return (i % 4 < 2 ? a : b)[i / 4 * 4 + (order >> i % 4 * 2 & 3)]; });
}
SK_OP(__m512) maskz_shuffle_f32x4(__mmask16 m, __m512 a, __m512 b, int order) {
  return lanes<f32x16>(m, [&](int i) { return (i < 8 ? a : b)[(order >> i / 4 * 2 & 3) * 4 + i % 4]; });
}
SK_OP(__m512) maskz_unpacklo_ps(__mmask16 m, __m512 a, __m512 b) {
  return lanes<f32x16>(m, [&](int i) { return (i % 2 ? b : a)[i / 4 * 4 + i % 4 / 2]; });
}
SK_OP(__m512) maskz_unpackhi_ps(__mmask16 m, __m512 a, __m512 b) {
  return lanes<f32x16>(m, [&](int i) { return (i % 2 ? b : a)[i / 4 * 4 + 2 + i % 4 / 2]; });
}
SK_OP(__m512d) maskz_unpacklo_pd(__mmask8 m, __m512d a, __m512d b) {
  return lanes<__m512d>(m, [&](int i) { return (i % 2 ? b : a)[i / 2 * 2]; });
}
SK_OP(__m512d) maskz_unpackhi_pd(__mmask8 m, __m512d a, __m512d b) {
  return lanes<__m512d>(m, [&](int i) { return (i % 2 ? b : a)[i / 2 * 2 + 1]; });
}
SK_OP(__m512) maskz_permutexvar_ps(__mmask16 m, __m512i order, __m512 a) {
  return lanes<f32x16>(m, [&](int i) { return a[((u32x16)order)[i] & 15]; });
}
SK_OP(__m512i) permutex2var_epi16(__m512i a, __m512i order, __m512i b) {
  return (__m512i)lanes<u16x32>(kAll, [&](int i) {
    int from = ((u16x32)order)[i] & 63;
    return ((u16x32)(from < 32 ? a : b))[from % 32];
  });
}
SK_OP(__m512) maskz_insertf32x4(__mmask16 m, __m512 a, __m128 b, int quarter) {
  return lanes<f32x16>(m, [&](int i) { return i / 4 == quarter ? b[i % 4] : a[i]; });
}
SK_OP(__m512) mask_broadcast_f32x4(__m512 otherwise, __mmask16 m, __m128 a) {
  return lanes<f32x16>(kAll, [&](int i) { return m >> i & 1 ? a[i % 4] : otherwise[i]; });
}
SK_OP(__m256i) maskz_extracti64x4_epi64(__mmask8 m, __m512i a, int half) {
  return lanes<__m256i>(m, [&](int i) { return a[half * 4 + i]; });
}
SK_OP(__m512) maskz_mov_ps(__mmask16 m, __m512 a) {
  return lanes<f32x16>(m, [&](int i) { return a[i]; });
}

SK_OP(__m512i) loadu_si512(const void* p) { return load<__m512i, long long>(kAll, p, __m512i{}); }
SK_OP(__m512) mask_loadu_ps(__m512 otherwise, __mmask16 m, const void* p) {
  return load<f32x16, float>(m, p, otherwise);
}
SK_OP(__m512) maskz_loadu_ps(__mmask16 m, const void* p) { return load<f32x16, float>(m, p, f32x16{}); }
SK_OP(__m512i) maskz_loadu_epi16(__mmask32 m, const void* p) { return (__m512i)load<u16x32, uint16_t>(m, p, u16x32{}); }
SK_OP(__m256i) maskz_loadu_epi16_256(__mmask16 m, const void* p) {
  return (__m256i)load<u16x16, uint16_t>(m, p, u16x16{});
}
SK_OP(void) mask_storeu_ps(void* p, __mmask16 m, __m512 v) { store<float>(p, m, v); }
SK_OP(void) mask_storeu_epi16(void* p, __mmask32 m, __m512i v) { store<uint16_t>(p, m, (u16x32)v); }
SK_OP(void) mask_storeu_epi16_256(void* p, __mmask16 m, __m256i v) { store<uint16_t>(p, m, (u16x16)v); }
/** An unaligned address traps, as it does in the CPU. */
template <typename V>
SK_OP(void)
store_aligned(void* p, V v) {
  if (reinterpret_cast<uintptr_t>(p) % sizeof v) __builtin_trap();
  __builtin_memcpy(p, &v, sizeof v);
}
template <typename V>
SK_OP(void)
storeu(void* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

}  // namespace emulated
}  // namespace

// GCC defines these as functions where it optimises, so no macro is in the way.
#define _mm512_fmadd_ps emulated::fmadd_ps
#define _mm512_maskz_max_ps emulated::maskz_max_ps
#define _mm512_maskz_min_ps emulated::maskz_min_ps
#define _mm512_maskz_sqrt_ps emulated::maskz_sqrt_ps
#define _mm512_maskz_roundscale_ps emulated::maskz_roundscale_ps
#define _mm512_add_epi16 emulated::add_epi16
#define _mm512_maskz_mul_epu32 emulated::maskz_mul_epu32
#define _mm512_fpclass_ps_mask emulated::fpclass_ps_mask
#define _mm512_set1_ps emulated::set1_ps
#define _mm512_set1_epi32 emulated::set1_epi32
#define _mm512_set1_epi16 emulated::set1_epi16
#define _mm512_castps128_ps512 emulated::castps128_ps512
#define _mm512_maskz_cvtepu8_epi32 emulated::maskz_cvtepu8_epi32
#define _mm512_maskz_cvtepu16_epi32 emulated::maskz_cvtepu16_epi32
#define _mm512_maskz_cvtepi32_ps emulated::maskz_cvtepi32_ps
#define _mm512_maskz_cvtepi32_epi16 emulated::maskz_cvtepi32_epi16
#define _mm512_cvtneps_pbh emulated::cvtneps_pbh
#define _mm512_cvtne2ps_pbh emulated::cvtne2ps_pbh
#define _mm512_dpbf16_ps emulated::dpbf16_ps
#define _mm512_maskz_shuffle_ps emulated::maskz_shuffle_ps
#define _mm512_maskz_shuffle_f32x4 emulated::maskz_shuffle_f32x4
#define _mm512_maskz_unpacklo_ps emulated::maskz_unpacklo_ps
#define _mm512_maskz_unpackhi_ps emulated::maskz_unpackhi_ps
#define _mm512_maskz_unpacklo_pd emulated::maskz_unpacklo_pd
#define _mm512_maskz_unpackhi_pd emulated::maskz_unpackhi_pd
#define _mm512_maskz_permutexvar_ps emulated::maskz_permutexvar_ps
#define _mm512_permutex2var_epi16 emulated::permutex2var_epi16
#define _mm512_maskz_insertf32x4 emulated::maskz_insertf32x4
#define _mm512_mask_broadcast_f32x4 emulated::mask_broadcast_f32x4
#define _mm512_maskz_extracti64x4_epi64 emulated::maskz_extracti64x4_epi64
#define _mm512_maskz_mov_ps emulated::maskz_mov_ps
#define _mm512_set_epi32 emulated::set<emulated::u32x16>
#define _mm512_set_epi16 emulated::set<emulated::u16x32>
#define _mm512_castps_pd (__m512d)
#define _mm512_loadu_si512 emulated::loadu_si512
#define _mm512_mask_loadu_ps emulated::mask_loadu_ps
#define _mm512_maskz_loadu_ps emulated::maskz_loadu_ps
#define _mm512_maskz_loadu_epi16 emulated::maskz_loadu_epi16
#define _mm512_mask_storeu_ps emulated::mask_storeu_ps
#define _mm512_mask_storeu_epi16 emulated::mask_storeu_epi16
#define _mm256_maskz_loadu_epi16 emulated::maskz_loadu_epi16_256
#define _mm256_mask_storeu_epi16 emulated::mask_storeu_epi16_256
#define _mm512_storeu_si512 emulated::storeu
#define _mm512_storeu_pd emulated::storeu
#define _mm512_store_si512 emulated::store_aligned
#define _mm512_stream_si512 emulated::store_aligned
#define _mm512_stream_ps emulated::store_aligned

#if SK_EMULATED > 2
#include "amx.h"
#endif
