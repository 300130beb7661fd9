// token_rows.cuh: rows of tokens by the warps of a block of 256: a whole row in strips, or one strip of many rows.
#pragma once
#include "rows.cuh"

constexpr int kTokenThreads = 256, kTokenWarps = kTokenThreads / 32, kStrip = 128;

__device__ inline int warp_of() { return threadIdx.x / 32; }

/** f(column, share) for a row of `cols` values, kWidth a lane of one warp at a time. */
template <int kWidth, class F>
__device__ inline void over_row(int cols, bool vector, F f) {
  int lane = threadIdx.x % 32;
  if (vector && cols % kWidth == 0)
    for (int c = 0; c < cols; c += 32 * kWidth) f(c, Share<32, kWidth, true>{lane, min(cols - c, 32 * kWidth)});
  else
    for (int c = 0; c < cols; c += 32 * kWidth) f(c, Share<32, kWidth, false>{lane, min(cols - c, 32 * kWidth)});
}

/** f(column, share) for the strip blockIdx.y of a row. */
template <class F>
__device__ inline void on_strip(int cols, bool vector, F f) {
  int lane = threadIdx.x % 32, c = blockIdx.y * kStrip, count = min(cols - c, kStrip);
  if (vector && cols % 4 == 0)
    f(c, Share<32, 4, true>{lane, count});
  else
    f(c, Share<32, 4, false>{lane, count});
}

/** y = x, or zeros if x is null; one row, by a warp. */
template <class T>
__device__ inline void copy_row(T* y, const T* x, int cols, bool vector) {
  over_row<kWide<T>>(cols, vector, [=](int c, auto share) {
    float v[kWide<T>] = {};
    if (x) share.get(v, x + c);
    share.put(y + c, v);
  });
}

/** Sum over the warps of the lanes' v, to warp 0; part [kTokenWarps][kStrip] is shared memory. */
__device__ inline void add_warps(float (&v)[4], float (*part)[kStrip]) {
  int lane = threadIdx.x % 32;
  store_shared(part[warp_of()] + 4 * lane, v);
  __syncthreads();
  if (warp_of() > 0) return;
  for (int w = 1; w < kTokenWarps; w++) {
    float other[4];
    load(other, part[w] + 4 * lane);
    for (int j = 0; j < 4; j++) v[j] += other[j];
  }
}
