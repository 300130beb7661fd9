// attention_storage.h: rows of a head as they lie in memory, f32 or bf16, and their way into packed f32 rows and back.
#pragma once
#include "simd.h"

namespace {

/** The first n values of a vector, zeros behind them; n may be more than a vector. */
template <typename T>
inline vfloat get_stored(const T* p, long n) {
  return n >= kLanes ? load(p) : load_head(p, n);
}
template <typename T>
inline void put_stored(T* p, vfloat v, long n) {
  n >= kLanes ? store(p, v) : store_head(p, v, n);
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
