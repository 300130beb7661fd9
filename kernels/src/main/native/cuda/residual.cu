// residual.cu: y = x + scale[sample] * branch and its gradient; the scales of stochastic depth.
//
//   Shapes   x, branch, y, dy, dbranch [S, n] (f32 | bf16, s = 4 | 2 bytes); scale, uniform [S] f32
//   Tiles    256 threads, one 16-byte access of each tensor a thread; item of x = a value of a sample, of y = a sample
//   Traffic  forward reads 2sSn bytes, writes sSn; backward reads sSn, writes sSn
//   FLOPs    2Sn forward, Sn backward: memory-bound
//   Regs     30 at most, sm_80 to sm_120; no spills, no stack
//   Source   Huang et al. 2016, arXiv:1603.09382, with the kept branches scaled by 1 / (1 - rate)
#include "rows.cuh"

template <class T>
__device__ inline void forward(T* y, const T* x, const T* branch, const float* scale, i64 n) {
  i64 sample = static_cast<i64>(blockIdx.y) * n;
  float factor = scale ? scale[blockIdx.y] : 1.0f;
  bool vector = aligned(y, 16) && aligned(x, 16) && aligned(branch, 16) && n % kWide<T> == 0;
  flat<kWide<T>>(n, vector, [=](i64 first, auto share) {
    float a[kWide<T>], b[kWide<T>];
    share.get(a, x + sample + first);
    share.get(b, branch + sample + first);
    for (int j = 0; j < kWide<T>; j++) a[j] = fmaf(b[j], factor, a[j]);
    share.put(y + sample + first, a);
  });
}

template <class T>
__device__ inline void backward(T* dbranch, const T* dy, const float* scale, i64 n) {
  i64 sample = static_cast<i64>(blockIdx.y) * n;
  float factor = scale ? scale[blockIdx.y] : 1.0f;
  flat<kWide<T>>(n, aligned(dbranch, 16) && aligned(dy, 16) && n % kWide<T> == 0, [=](i64 first, auto share) {
    float v[kWide<T>];
    share.get(v, dy + sample + first);
    for (float& each : v) each *= factor;
    share.put(dbranch + sample + first, v);
  });
}

#define FAMILY(T, suffix)                                                           \
  SK_KERNEL(sk_residual_forward_##suffix, kFlatThreads, kFlatThreads* kWide<T>, 1)  \
  (T * y, const T* x, const T* branch, const float* scale, int, i64 per_sample) {   \
    forward(y, x, branch, scale, per_sample);                                       \
  }                                                                                 \
  SK_KERNEL(sk_residual_backward_##suffix, kFlatThreads, kFlatThreads* kWide<T>, 1) \
  (T * dbranch, const T* dy, const float* scale, int, i64 per_sample) { backward(dbranch, dy, scale, per_sample); }
FAMILY(float, f32)
FAMILY(bf16, bf16)

// Item of x: a sample.
SK_KERNEL(sk_drop_path_scale, kFlatThreads, kFlatThreads, 1)
(float* scale, const float* uniform, int samples, float rate) {
  int i = blockIdx.x * kFlatThreads + threadIdx.x;
  float kept = 1 - rate;
  // floor(kept + u) is 0 or 1; the comparison keeps it so where kept + u rounds up to 2, and where kept is 0.
  if (i < samples) scale[i] = kept + uniform[i] >= 1 ? 1 / kept : 0.0f;
}
