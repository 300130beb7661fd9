// update.h: what adamw.cpp and ema.cpp share.
#pragma once
#include "simd.h"

namespace {

/** Values of one task of an update over flat memory. */
constexpr long kUpdateChunk = 1 << 16;

/** teacher += rate * (student - teacher), `count` values from i on, and their bf16 copy where there is one. */
inline void move_teacher(float* teacher, bf16* low, vfloat student, float rate, long i, int count) {
  prefetch_page(teacher + i);
  if (low) prefetch_page(low + i);
  vfloat t = get(teacher + i, count);
  t = fma(student - t, splat(rate), t);
  put(teacher + i, t, count);
  if (low) put(low + i, t, count);
}

}  // namespace
