// stores.h: where a kernel's output goes: into the caches, or past them.
//
// A store that misses first reads its line, 7 ns from memory on a Xeon (2 cores, 128 MB written, load 3), and the
// caches then hold what nobody will read soon: the backward pass comes after many other tensors. Streaming stores take
// 3 ns a line. What comes next reads from memory then, 4 ns instead of 2.4 from L3; so a small output stays in the
// caches.
#pragma once
#include "simd.h"

namespace {

constexpr long kStreamBytes = 2 << 20;  // the L2 of a core: what is larger is gone from it before it is read

inline void stream(float* p, vfloat v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, (__m512)v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, (__m256)v);
#else
  _mm_stream_ps(p, (__m128)v);
#endif
}
inline void stream(bf16* p, vfloat v) {
  vhalf low = round_to_bf16(v);
#if defined(__AVX512F__)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), (__m256i)low);
#elif defined(__AVX2__)
  _mm_stream_si128(reinterpret_cast<__m128i*>(p), (__m128i)low);
#else
  long long bits;
  __builtin_memcpy(&bits, &low, 8);
  _mm_stream_si64(reinterpret_cast<long long*>(p), bits);
#endif
}

/** put() into the caches. ahead(p) asks for a line that will be written. */
struct ToCache {
  template <typename T>
  static void put(T* p, vfloat v, int n) {
    ::put(p, v, n);
  }
  static void ahead(const void* p) { prefetch(p); }
  static void done() {}
};
/** put() past the caches; whole vectors must be aligned. done() makes them visible to other threads. */
struct ToMemory {
  template <typename T>
  static void put(T* p, vfloat v, int n) {
    n == kLanes ? stream(p, v) : store_head(p, v, n);
  }
  static void ahead(const void*) {}
  static void done() { _mm_sfence(); }
};

/** f(ToMemory{}) if an output of `rows` rows of n values, each in whole vectors, is large; else f(ToCache{}). */
template <typename T, typename F>
inline void with_stores(const T* y, long rows, long n, F f) {
  const bool aligned = reinterpret_cast<uintptr_t>(y) % 64 == 0 && (rows == 1 || n % kLanes == 0);
  if (aligned && rows * n * static_cast<long>(sizeof(T)) >= kStreamBytes)
    f(ToMemory{});
  else
    f(ToCache{});
}

}  // namespace
