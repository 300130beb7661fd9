// gelu.cpp: y = x Phi(x) = x/2 (1 + erf(x / sqrt(2))) and its gradient dx = dy (Phi(x) + x phi(x)).
//
//   Shapes   x, y, dx, dy [n]
//   Tiles    16 Ki values a task
//   Traffic  forward reads 4n bytes, writes 4n; backward reads 8n, writes 4n
//   FLOPs    about 45n forward, 65n backward (one and two exponentials a value)
//   Source   Hendrycks and Gimpel 2016, arXiv:1606.08415, the exact form; Phi from simd.h
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
constexpr long kChunk = 1 << 14;
}

extern "C" {
void SK(gelu_forward)(sk_f32 y, sk_cf32 x, int64_t n) {
  parallel_range(n, kChunk, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) { put(y + i, vgelu(get(x + i, count)), count); });
  });
}

void SK(gelu_backward)(sk_f32 dx, sk_cf32 dy, sk_cf32 x, int64_t n) {
  parallel_range(n, kChunk, [=](long begin, long end) {
    sweep(begin, end,
          [=](long i, int count) { put(dx + i, get(dy + i, count) * vgelu_grad(get(x + i, count)), count); });
  });
}
}
