// adamw.cpp: one AdamW step over flat memory.
//
//   g = gradient scale * grad;  p *= 1 - lr * decay;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
//   p -= lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
//
//   Shapes   param, m, v, grad [n]; hyper [8] = {lr, b1, b2, eps, decay, 1 - b1^t, 1 - b2^t, gradient scale}
//   Tiles    64 Ki values a task
//   Traffic  reads 16n bytes, writes 12n
//   FLOPs    about 15n, one root and one division a value among them: memory-bound
//   Stores   plain: the lines written were just read, so no write-allocate is saved. Median of 20 M values on two Zen 4
//            cores: plain 52 GB/s, streaming stores 32 (a copy with streaming stores 37)
//   Source   Loshchilov and Hutter 2019, arXiv:1711.05101
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
constexpr long kChunk = 1 << 16;
}

extern "C" void SK(adamw)(sk_f32 param, sk_f32 m, sk_f32 v, sk_cf32 grad, sk_cf32 hyper, int64_t n) {
  float beta1 = hyper[1], beta2 = hyper[2], eps = hyper[3], grad_scale = hyper[7];
  float shrink = 1 - hyper[0] * hyper[4], step = hyper[0] / hyper[5], root = 1 / __builtin_sqrtf(hyper[6]);
  parallel_range(n, kChunk, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) {
      vfloat g = get(grad + i, count) * grad_scale;
      vfloat m1 = fma(get(m + i, count), splat(beta1), g * (1 - beta1));
      vfloat v1 = fma(get(v + i, count), splat(beta2), g * (1 - beta2) * g);
      vfloat change = m1 * step / fma(vsqrt(v1), splat(root), splat(eps));
      put(param + i, fma(get(param + i, count), splat(shrink), -change), count);
      put(m + i, m1, count);
      put(v + i, v1, count);
    });
  });
}
