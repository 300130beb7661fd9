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

/** The upper halves, rounded to nearest even; NaN stays NaN. The bits of sk_cast_f32_bf16 on every instruction set,
 * which vcvtneps2bf16 would not give: it flushes what is denormal. */
inline vhalf round_to_bf16(vfloat v) {
  vbits bits = (vbits)v;
  vbits rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return __builtin_convertvector(v == v ? rounded : (bits >> 16) | 0x40u, vhalf);
}
inline vfloat widen(vhalf v) { return (vfloat)(__builtin_convertvector(v, vbits) << 16); }

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

// GCC 12 warns of an uninitialised operand inside the plain AVX-512 forms of sqrt and roundscale; the masked ones are
// the same instruction.

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
inline vfloat vmax(vfloat a, vfloat b) { return a > b ? a : b; }
inline vfloat vmin(vfloat a, vfloat b) { return a < b ? a : b; }
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

/** Sum of the lanes, as a fixed binary tree. */
inline float sum_lanes(vfloat v) {
  float x[kLanes];
  __builtin_memcpy(x, &v, sizeof v);
  for (int step = kLanes / 2; step > 0; step /= 2)
    for (int i = 0; i < step; i++) x[i] += x[i + step];
  return x[0];
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

/**
 * Upper tail of the normal distribution, 1 - Phi(t) for t >= 0, as exp(q(t)). q is a polynomial of degree 10: the
 * minimax fit of log(1 - Phi) on [0, 6] with errors weighted by sqrt(1 - Phi). Absolute error below 1e-7 everywhere,
 * relative error below 1e-5 up to t = 5; q falls without end, so the tail goes to about 1e-38.
 */
inline vfloat vnormal_tail(vfloat t) {
  vfloat q = splat(-2.339447036092679e-08f);
  q = fma(q, t, splat(6.641035383836424e-07f));
  q = fma(q, t, splat(-8.146691470756195e-06f));
  q = fma(q, t, splat(5.510020491783507e-05f));
  q = fma(q, t, splat(-0.00019767881894949824f));
  q = fma(q, t, splat(1.6006646319510764e-06f));
  q = fma(q, t, splat(0.004819919820874929f));
  q = fma(q, t, splat(-0.036356400698423386f));
  q = fma(q, t, splat(-0.3183043897151947f));
  q = fma(q, t, splat(-0.7978851199150085f));
  q = fma(q, t, splat(-0.6931471824645996f));
  return vexp(q);
}
inline vfloat vabs(vfloat x) { return x < splat(0.0f) ? -x : x; }
/** Phi(x), the normal distribution function; absolute error below 1.2e-7, relative too for x > -5. */
inline vfloat vnormal(vfloat x) {
  vfloat tail = vnormal_tail(vabs(x));
  return x < splat(0.0f) ? tail : splat(1.0f) - tail;
}
/** erf(x), absolute error below 2e-7. */
inline vfloat verf(vfloat x) {
  vfloat tail = vnormal_tail(vabs(x) * splat(1.41421356237309505f));
  vfloat y = fma(tail, splat(-2.0f), splat(1.0f));
  return x < splat(0.0f) ? -y : y;
}
/** x Phi(x) = x/2 (1 + erf(x/sqrt(2))). */
inline vfloat vgelu(vfloat x) { return x * vnormal(x); }
/** Phi(x) + x phi(x), phi the normal density. */
inline vfloat vgelu_grad(vfloat x) {
  vfloat density = splat(0.398942280401432678f) * vexp(x * x * splat(-0.5f));
  return fma(x, density, vnormal(x));
}

}  // namespace
