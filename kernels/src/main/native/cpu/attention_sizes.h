// attention_sizes.h: sizes of an attention, and where a head lies in packed qkv [B, N, 3, H, Dh] and out [B, N, H, Dh].
#pragma once
#include "attention_storage.h"
#include "pool.h"

namespace {

struct Sizes {
  long batch, tokens, heads, size;
  float scale, scale2;  // 1/sqrt(Dh), and times log2(e)

  Sizes(int batch, int tokens, int heads, int head_size) : batch(batch), tokens(tokens), heads(heads), size(head_size) {
    scale = 1.0f / vsqrt(splat(static_cast<float>(head_size)))[0];
    scale2 = scale * 1.44269504088896341f;
  }
  long packed() const { return ceil_div(size, kLanes) * kLanes; }
  /** Part 0, 1, 2 = q, k, v of a head. */
  long at(long head, int part) const { return ((head / heads * tokens * 3 + part) * heads + head % heads) * size; }
  long out_at(long head) const { return (head / heads * tokens * heads + head % heads) * size; }
  template <typename T>
  RowsOf<T> part(T* qkv, long head, int part) const {
    return {qkv + at(head, part), 3 * heads * size};
  }
  template <typename T>
  RowsOf<T> outs(T* out, long head) const {
    return {out + out_at(head), heads * size};
  }
  long packed_rows() const { return tokens * packed(); }
};

}  // namespace
