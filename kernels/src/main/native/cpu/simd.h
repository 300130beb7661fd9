// simd.h: one vector type, as wide as the instruction set that the file is compiled for.
//
// No standard headers here nor in any family file: an inline function compiled for AVX-512 could be
// the copy that the linker keeps for all. Everything is in an anonymous namespace for the same reason.
//
// Kernels are templates over the storage type of activations, float or bf16; arithmetic is f32 in both.
#pragma once
#include <immintrin.h>
#include <stdint.h>

#define SK_JOIN2(a, b) a##_##b
#define SK_JOIN(a, b) SK_JOIN2(a, b)
/** The name of a kernel's entry point in this instruction set: SK(add) is sk_add_avx2. */
#define SK(name) SK_JOIN(sk_##name, SK_ISA)

namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float vfloat __attribute__((vector_size(kLanes * 4)));
typedef int32_t vint __attribute__((vector_size(kLanes * 4)));

/** A stored bfloat16: the upper half of an f32. */
struct bf16 {
  uint16_t bits;
};

inline vfloat load(const float* p) {
  vfloat v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline void store(float* p, vfloat v) { __builtin_memcpy(p, &v, sizeof v); }
inline vfloat splat(float x) { return x - vfloat{}; }
inline vint splat_int(int32_t x) { return x - vint{}; }

/** The first n (0..kLanes) values; zeros behind them. Never reads past p + n. */
inline vfloat load_head(const float* p, long n) {
#if defined(__AVX512F__)
  return (vfloat)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
  vfloat v = {};
  for (long i = 0; i < n; i++) v[i] = p[i];
  return v;
#endif
}
/** Writes the first n (0..kLanes) values. Never writes past p + n. */
inline void store_head(float* p, vfloat v, long n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
  for (long i = 0; i < n; i++) p[i] = v[i];
#endif
}

typedef uint32_t vbits __attribute__((vector_size(kLanes * 4)));
typedef uint16_t vhalf __attribute__((vector_size(kLanes * 2)));

#if defined(__AVX512BF16__)
/** Whether any lane is one that vcvtneps2bf16 and vcvtne2ps2bf16 would flush: seldom. */
inline bool has_denormal(vfloat v) { return __builtin_expect(_mm512_fpclass_ps_mask((__m512)v, 0x20), 0); }
#endif

/** The upper halves, rounded to nearest even; NaN stays NaN. The bits of sk_cast_f32_bf16 on every instruction set. */
inline vhalf round_to_bf16(vfloat v) {
#if defined(__AVX512BF16__)
  if (!has_denormal(v)) return (vhalf)_mm512_cvtneps_pbh((__m512)v);
#endif
  vbits bits = (vbits)v;
  vbits rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  rounded = v == v ? rounded : (bits >> 16) | 0x40u;
  // Intrinsics, for GCC 12 would make halves of a vector, or take it apart lane by lane.
#if defined(__AVX512F__)
  return (vhalf)_mm512_maskz_cvtepi32_epi16((__mmask16)-1, (__m512i)rounded);
#elif defined(__AVX2__)
  __m256i pairs = _mm256_permute4x64_epi64(_mm256_packus_epi32((__m256i)rounded, (__m256i)rounded), 0x08);
  return (vhalf)_mm256_castsi256_si128(pairs);
#else
  __m128i pairs = _mm_packus_epi32((__m128i)rounded, (__m128i)rounded);
  vhalf low;
  __builtin_memcpy(&low, &pairs, sizeof low);
  return low;
#endif
}
inline vfloat widen(vhalf v) {
#if defined(__AVX512F__)
  return (vfloat)((vbits)_mm512_maskz_cvtepu16_epi32((__mmask16)-1, (__m256i)v) << 16);
#elif defined(__AVX2__)
  return (vfloat)((vbits)_mm256_cvtepu16_epi32((__m128i)v) << 16);
#else
  return (vfloat)(__builtin_convertvector(v, vbits) << 16);
#endif
}

inline vfloat load(const bf16* p) {
  vhalf v;
  __builtin_memcpy(&v, p, sizeof v);
  return widen(v);
}
inline void store(bf16* p, vfloat v) {
  vhalf low = round_to_bf16(v);
  __builtin_memcpy(p, &low, sizeof low);
}
inline vfloat load_head(const bf16* p, long n) {
#if defined(__AVX512F__)
  return widen((vhalf)_mm256_maskz_loadu_epi16((__mmask16)((1u << n) - 1), p));
#else
  vhalf v = {};
  for (long i = 0; i < n; i++) v[i] = p[i].bits;
  return widen(v);
#endif
}
inline void store_head(bf16* p, vfloat v, long n) {
  vhalf low = round_to_bf16(v);
#if defined(__AVX512F__)
  _mm256_mask_storeu_epi16(p, (__mmask16)((1u << n) - 1), (__m256i)low);
#else
  for (long i = 0; i < n; i++) p[i].bits = low[i];
#endif
}

/** An untyped address as one of T. */
template <typename T>
struct Storage {
  T* operator()(void* p) const { return static_cast<T*>(p); }
  const T* operator()(const void* p) const { return static_cast<const T*>(p); }
};
/** The one place where a call's `dtype` (0 f32, else bf16) becomes a type: with_storage(dtype, [=](auto as) { kernel(
 * as(y), as(x)); }). */
template <typename F>
inline void with_storage(int dtype, F f) {
  if (dtype)
    f(Storage<bf16>());
  else
    f(Storage<float>());
}

/** Asks for the cache line of p, which may lie past the end of an array: a sweep that is done before the line is used
 * hides the wait, also of lines that will be written. */
inline void prefetch(const void* p) { __builtin_prefetch(p); }
/** For sweeps over more than the caches hold: asks for the line 4 KB after p. A core's own prefetchers stop where a
 * page of 4 KB ends. */
inline void prefetch_page(const void* p) { prefetch(static_cast<const char*>(p) + 4096); }

/** Sweeps [begin, end): f(first, kLanes) for whole vectors, then once f(first, count) for what is left. */
template <typename F>
inline void sweep(long begin, long end, F f) {
  long i = begin;
  for (; i + kLanes <= end; i += kLanes) f(i, kLanes);
  if (i < end) f(i, static_cast<int>(end - i));
}
/** Loads and stores for the body of a sweep: n is kLanes (known when inlined) or the length of the tail. */
template <typename T>
inline vfloat get(const T* p, int n) {
  return n == kLanes ? load(p) : load_head(p, n);
}
template <typename T>
inline void put(T* p, vfloat v, int n) {
  n == kLanes ? store(p, v) : store_head(p, v, n);
}

/** All bits set in the first n lanes. */
inline vint lanes_below(int n) {
  vint lane;
  for (int i = 0; i < kLanes; i++) lane[i] = i;
  return lane < n;
}
/** The first n lanes of v, zeros behind them: for sums over a tail. */
inline vfloat keep(vfloat v, int n) { return n == kLanes ? v : lanes_below(n) ? v : vfloat{}; }

// GCC 12 warns of an uninitialised operand inside the plain AVX-512 forms of max, sqrt and roundscale; the masked ones
// are the same instruction.

/** a * b + c in one rounding where the instruction set has it (not in base). */
inline vfloat fma(vfloat a, vfloat b, vfloat c) {
#if defined(__AVX512F__)
  return (vfloat)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (vfloat)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}
/**
 * sum = fma(a, b, sum) in a register tile. GCC 12 fills AVX2's 16 registers so badly that it loads an operand of
 * several multiply-adds once for each; an instruction that it cannot look into keeps it from that.
 */
inline void accumulate(vfloat& sum, vfloat a, vfloat b) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
#else
  sum = fma(a, b, sum);
#endif
}
/** a > b ? a : b. */
inline vfloat vmax(vfloat a, vfloat b) {
#if defined(__AVX512F__)
  return (vfloat)_mm512_maskz_max_ps((__mmask16)-1, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (vfloat)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return (vfloat)_mm_max_ps((__m128)a, (__m128)b);
#endif
}
/** a < b ? a : b. */
inline vfloat vmin(vfloat a, vfloat b) {
#if defined(__AVX512F__)
  return (vfloat)_mm512_maskz_min_ps((__mmask16)-1, (__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (vfloat)_mm256_min_ps((__m256)a, (__m256)b);
#else
  return (vfloat)_mm_min_ps((__m128)a, (__m128)b);
#endif
}
inline vfloat vsqrt(vfloat a) {
#if defined(__AVX512F__)
  return (vfloat)_mm512_maskz_sqrt_ps((__mmask16)-1, (__m512)a);
#elif defined(__AVX2__)
  return (vfloat)_mm256_sqrt_ps((__m256)a);
#else
  return (vfloat)_mm_sqrt_ps((__m128)a);
#endif
}
inline vfloat vround(vfloat a) {
#if defined(__AVX512F__)
  return (vfloat)_mm512_maskz_roundscale_ps((__mmask16)-1, (__m512)a, 8);
#elif defined(__AVX2__)
  return (vfloat)_mm256_round_ps((__m256)a, 8);
#else
  return (vfloat)_mm_round_ps((__m128)a, 8);
#endif
}
inline vint to_int(vfloat a) { return __builtin_convertvector(a, vint); }
inline vfloat select(vint mask, vfloat yes, vfloat no) { return mask ? yes : no; }

/** The upper half of the lanes added to the lower until one is left: the same tree on every instruction set. */
inline float sum_lanes(vfloat v) {
#if defined(__AVX512F__)
  auto eight = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
               __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
#else
  vfloat eight = v;
#endif
#if defined(__AVX2__)
  auto four = __builtin_shufflevector(eight, eight, 0, 1, 2, 3) + __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
#else
  vfloat four = eight;
#endif
  auto two = four + __builtin_shufflevector(four, four, 2, 3, 2, 3);
  return two[0] + two[1];
}
/** Sum over i in [0, n) of f(first, count), a vector at a time in four chains; f returns zeros behind `count` lanes. */
template <typename F>
inline float sum_over(long n, F f) {
  vfloat s[4] = {};
  long i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes)
    for (int k = 0; k < 4; k++) s[k] += f(i + k * kLanes, kLanes);
  sweep(i, n, [&](long j, int count) { s[0] += f(j, count); });
  return sum_lanes((s[0] + s[1]) + (s[2] + s[3]));
}
inline float max_lanes(vfloat v) {
  float x[kLanes];
  __builtin_memcpy(x, &v, sizeof v);
  for (int step = kLanes / 2; step > 0; step /= 2)
    for (int i = 0; i < step; i++) x[i] = x[i] > x[i + step] ? x[i] : x[i + step];
  return x[0];
}

/**
 * exp(x), about 1 ulp: 2^n * p(r) with r = x - n ln 2 in [-ln2/2, ln2/2], p the degree-7 Taylor polynomial. Clamped to
 * [-87, 88]: the result is never denormal, infinite or NaN for a number. NaN gives NaN.
 */
inline vfloat vexp(vfloat x) {
  vfloat clamped = vmin(vmax(x, splat(-87.0f)), splat(88.0f));
  clamped = x == x ? clamped : x;
  vfloat n = vround(clamped * splat(1.44269504088896341f));
  vfloat r = fma(n, splat(-0.693145751953125f), clamped);
  r = fma(n, splat(-1.42860682030941723e-6f), r);
  vfloat p = splat(1.98412698e-4f);
  p = fma(p, r, splat(1.38888889e-3f));
  p = fma(p, r, splat(8.33333333e-3f));
  p = fma(p, r, splat(4.16666667e-2f));
  p = fma(p, r, splat(1.66666667e-1f));
  p = fma(p, r, splat(0.5f));
  p = fma(p, r, splat(1.0f));
  p = fma(p, r, splat(1.0f));
  vint bits = (to_int(n) + 127) << 23;
  vfloat scale;
  __builtin_memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

}  // namespace
