// attention_storage.h: rows of a head as they lie in memory, f32 or bf16, and their way into packed f32 rows and back.
#pragma once
#include "simd.h"

namespace {

/** A stored bf16: the upper half of an f32. */
struct Half {
  uint16_t bits;
};
static_assert(sizeof(Half) == 2);

typedef uint16_t vhalf __attribute__((vector_size(kLanes * 2)));
typedef uint32_t vword __attribute__((vector_size(kLanes * 4)));

inline vfloat widen(vhalf h) {
  vword bits = __builtin_convertvector(h, vword) << 16;
  vfloat v;
  __builtin_memcpy(&v, &bits, sizeof v);
  return v;
}
/** To the nearest bf16, to even between two; a NaN stays one. */
inline vhalf narrow(vfloat v) {
  vword bits, nan = (vword)(v != v);
  __builtin_memcpy(&bits, &v, sizeof bits);
  vword even = bits + 0x7fff + (bits >> 16 & 1);
  return __builtin_convertvector((nan & (bits | 0x400000)) >> 16 | (~nan & even) >> 16, vhalf);
}

/** The first n (0..kLanes) values, zeros behind them. */
inline vfloat get_stored(const float* p, long n) { return n >= kLanes ? load(p) : load_head(p, n); }
inline vfloat get_stored(const Half* p, long n) {
  vhalf h = {};
  if (n >= kLanes)
    __builtin_memcpy(&h, p, sizeof h);
  else
    for (long i = 0; i < n; i++) h[i] = p[i].bits;
  return widen(h);
}
inline void put_stored(float* p, vfloat v, long n) { n >= kLanes ? store(p, v) : store_head(p, v, n); }
inline void put_stored(Half* p, vfloat v, long n) {
  vhalf h = narrow(v);
  if (n >= kLanes)
    __builtin_memcpy(p, &h, sizeof h);
  else
    for (long i = 0; i < n; i++) p[i].bits = h[i];
}

/** A matrix whose rows lie `stride` values apart. */
template <typename T>
struct RowsOf {
  T* p;
  long stride;
  T* operator[](long i) const { return p + i * stride; }
};
typedef RowsOf<const float> Rows;

/** `count` rows of `size` values next to each other as f32, zeros up to whole vectors. */
template <typename T>
Rows pack(float* to, RowsOf<const T> from, long count, long size) {
  long stride = (size + kLanes - 1) / kLanes * kLanes;
  for (long i = 0; i < count; i++)
    for (long d = 0; d < size; d += kLanes) store(to + i * stride + d, get_stored(from[i] + d, size - d));
  return {to, stride};
}

}  // namespace
