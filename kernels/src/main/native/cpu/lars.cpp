// lars.cpp: one LARS step of one tensor.
//
//   g = grad + decay * p;  g *= trust * |p| / |g| (1 if either norm is 0);  mu = momentum * mu + g;  p -= lr * mu
//   adapt 0: g = grad, plain momentum
//
//   Shapes   param, mu, grad [n]; hyper [4] = {lr, momentum, trust, decay}
//   Tiles    64 Ki values a task; squared norms in f64, added up in task order
//   Traffic  reads 12n bytes, writes 8n; the norms read 8n before that
//   FLOPs    about 12n: memory-bound
//   Source   You et al. 2017, arXiv:1708.03888, in the form of the linear probe of He et al. 2021, arXiv:2111.06377
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
constexpr long kChunk = 1 << 16;
constexpr int kSums = 8;

struct Norms {
  double param, grad;
};

/** Adds the squares of `value(i)` over [begin, end) in kSums chains. */
template <typename F>
double squares(long begin, long end, F value) {
  double sum[kSums] = {};
  long i = begin;
  for (; i + kSums <= end; i += kSums)
    for (int k = 0; k < kSums; k++) sum[k] += static_cast<double>(value(i + k)) * value(i + k);
  for (; i < end; i++) sum[0] += static_cast<double>(value(i)) * value(i);
  return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/** trust * |p| / |g| with g = grad + decay * p. */
float adaptation(const float* param, const float* grad, float trust, float decay, long n) {
  long tasks = ceil_div(n, kChunk);
  Norms* parts = static_cast<Norms*>(sk_pool_scratch(0, tasks * static_cast<long>(sizeof(Norms))));
  parallel_for(tasks, [=](long task, int) {
    long begin = task * kChunk, end = min_of(n, begin + kChunk);
    parts[task] = {squares(begin, end, [=](long i) { return param[i]; }),
                   squares(begin, end, [=](long i) { return grad[i] + decay * param[i]; })};
  });
  Norms norms = {0, 0};
  for (long task = 0; task < tasks; task++) {
    norms.param += parts[task].param;
    norms.grad += parts[task].grad;
  }
  if (norms.param == 0 || norms.grad == 0) return 1;
  return static_cast<float>(trust * __builtin_sqrt(norms.param / norms.grad));
}
}  // namespace

extern "C" void SK(lars)(sk_f32 param, sk_f32 mu, sk_cf32 grad, sk_cf32 hyper, int64_t n, int adapt) {
  float lr = hyper[0], momentum = hyper[1], decay = adapt ? hyper[3] : 0;
  float factor = adapt ? adaptation(param, grad, hyper[2], decay, n) : 1;
  parallel_range(n, kChunk, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) {
      vfloat p = get(param + i, count);
      vfloat g = fma(p, splat(decay), get(grad + i, count)) * factor;
      vfloat velocity = fma(get(mu + i, count), splat(momentum), g);
      put(mu + i, velocity, count);
      put(param + i, fma(velocity, splat(-lr), p), count);
    });
  });
}
