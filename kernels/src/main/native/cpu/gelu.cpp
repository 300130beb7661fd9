// gelu.cpp: y = x Phi(x) = x/2 (1 + erf(x / sqrt(2))) and its gradient dx = dy (Phi(x) + x phi(x)).
//
//   Shapes   x, y, dx, dy [n], f32 or bf16; the backward computes y too, if it is asked for
//   Tiles    16 Ki values a task
//   Traffic  f32: forward reads 4n bytes, writes 4n; backward reads 8n, writes 4n, 8n with y; bf16: half of it
//   FLOPs    about 30n forward, 35n backward, 65n with y (a quotient of polynomials)
//   Source   Hendrycks and Gimpel 2016, arXiv:1606.08415, the exact form; vgelu in gelu.h
#include "gelu.h"
#include "pool.h"
#include "sdae_kernels.h"
#include "stores.h"

namespace {
constexpr long kChunk = 1 << 14;
// Lines that will be written to the caches are asked for this many values ahead: the core waits for the line that a
// store misses.
constexpr long kAhead = 512;

template <typename T>
void forward(T* y, const T* x, long n) {
  with_stores(y, 1, n, [=](auto to) {
    parallel_range(n, kChunk, [=](long begin, long end) {
      sweep(begin, end, [=](long i, int count) {
        to.ahead(y + i + kAhead);
        prefetch_page(x + i);
        to.put(y + i, vgelu(get(x + i, count)), count);
      });
      to.done();
    });
  });
}

template <typename T>
void backward(T* dx, T* y, const T* dy, const T* x, long n) {
  with_stores(dx, 1, n, [=](auto to) {
    parallel_range(n, kChunk, [=](long begin, long end) {
      sweep(begin, end, [=](long i, int count) {
        to.ahead(dx + i + kAhead);
        prefetch_page(x + i);
        prefetch_page(dy + i);
        const vfloat v = get(x + i, count);
        to.put(dx + i, get(dy + i, count) * vgelu_grad(v), count);
        if (y) put(y + i, vgelu(v), count);
      });
      to.done();
    });
  });
}
}  // namespace

extern "C" {
void SK(gelu_forward)(sk_any y, sk_cany x, int64_t n, int dtype) {
  with_storage(dtype, [=](auto as) { forward(as(y), as(x), n); });
}

void SK(gelu_backward)(sk_any dx, sk_any y, sk_cany dy, sk_cany x, int64_t n, int dtype) {
  with_storage(dtype, [=](auto as) { backward(as(dx), as(y), as(dy), as(x), n); });
}
}
