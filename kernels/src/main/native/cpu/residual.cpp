// residual.cpp: y = x + scale[sample] * branch and its gradient; the scales of stochastic depth.
//
//   Shapes   x, branch, y, dy, dbranch [S, n], f32 or bf16; scale, uniform [S]
//   Tiles    64 Ki values of the flat [S * n] a task, cut where a sample ends
//   Traffic  f32: forward reads 8Sn bytes, writes 4Sn; backward reads 4Sn, writes 4Sn
//   FLOPs    2Sn forward, Sn backward: memory-bound
//   Source   Huang et al. 2016, arXiv:1603.09382, with the kept branches scaled by 1 / (1 - rate)
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
constexpr long kChunk = 1 << 16;

/** f(begin, end, scale) over pieces of [0, samples * per_sample) that lie in one sample; a null scale is 1. */
template <typename F>
void over_samples(const float* scale, long samples, long per_sample, F f) {
  parallel_range(samples * per_sample, kChunk, [=](long begin, long end) {
    for (long i = begin; i < end;) {
      long sample = i / per_sample, stop = min_of(end, (sample + 1) * per_sample);
      f(i, stop, scale ? scale[sample] : 1.0f);
      i = stop;
    }
  });
}

template <typename T>
void forward(T* y, const T* x, const T* branch, const float* scale, long samples, long per_sample) {
  over_samples(scale, samples, per_sample, [=](long begin, long end, float s) {
    sweep(begin, end, [=](long i, int n) {
      prefetch_page(x + i);
      prefetch_page(branch + i);
      put(y + i, fma(get(branch + i, n), splat(s), get(x + i, n)), n);
    });
  });
}

template <typename T>
void backward(T* dbranch, const T* dy, const float* scale, long samples, long per_sample) {
  over_samples(scale, samples, per_sample, [=](long begin, long end, float s) {
    sweep(begin, end, [=](long i, int n) { put(dbranch + i, get(dy + i, n) * s, n); });
  });
}
}  // namespace

extern "C" {
void SK(residual_forward)(sk_any y, sk_cany x, sk_cany branch, sk_cf32 scale, int samples, int64_t per_sample,
                          int dtype) {
  with_storage(dtype, [=](auto as) { forward(as(y), as(x), as(branch), scale, samples, per_sample); });
}

void SK(residual_backward)(sk_any dbranch, sk_cany dy, sk_cf32 scale, int samples, int64_t per_sample, int dtype) {
  with_storage(dtype, [=](auto as) { backward(as(dbranch), as(dy), scale, samples, per_sample); });
}

void SK(drop_path_scale)(sk_f32 scale, sk_cf32 uniform, int samples, float rate) {
  float kept = 1 - rate;
  // floor(kept + u) is 0 or 1; the comparison keeps it so where kept + u rounds up to 2, and where kept is 0.
  for (int i = 0; i < samples; i++) scale[i] = kept + uniform[i] >= 1 ? 1 / kept : 0;
}
}
