// cross_entropy.cpp: loss = mean over rows of -sum_c t_c log softmax(z)_c, and its gradient.
//
//   lse = max(z) + log sum_c exp(z_c - max(z));  a row's loss = sum_c t_c (lse - z_c)
//   dz_c = dloss / R * (T softmax(z)_c - t_c) with T = sum_c t_c: the targets (mixed, smoothed) need not add up to 1
//
//   Shapes   z, t, dz [R, C], z and dz f32 or bf16; lse [R]; loss, dloss [1]; any R, C >= 1
//   Tiles    rows of about 8 Ki values a task; a row stays in L1 between its passes; the rows' losses are added up in
//            f64 in their order
//   Traffic  f32: forward reads 8RC bytes; backward reads 8RC, writes 4RC
//   FLOPs    one exponential a value: about 20RC forward, 22RC backward
//   Source   Bishop 2006, "Pattern recognition and machine learning", eq. 4.108; soft targets: arXiv:1512.00567
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
constexpr long kValues = 1 << 13;

/** Natural logarithm of a positive number, within 1e-14: 2 artanh((m - 1) / (m + 1)) + e ln 2, m in [1, 2). */
double logarithm(double x) {
  if (!(x < __builtin_inf())) return x;
  uint64_t bits;
  __builtin_memcpy(&bits, &x, 8);
  double exponent = static_cast<double>(static_cast<int64_t>(bits >> 52) - 1023);
  bits = (bits & 0xFFFFFFFFFFFFFull) | 0x3FF0000000000000ull;
  double m;
  __builtin_memcpy(&m, &bits, 8);
  double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
  for (int k = 29; k > 0; k -= 2) sum = sum * s2 + 1.0 / k;
  return 2 * s * sum + exponent * 0.693147180559945309;
}

template <typename T>
float log_sum_exp(const T* z, long classes) {
  vfloat top = splat(-__builtin_inff());
  sweep(0, classes, [&](long i, int n) { top = lanes_below(n) ? vmax(top, get(z + i, n)) : top; });
  float most = max_lanes(top);
  float sum = sum_over(classes, [=](long i, int n) { return keep(vexp(get(z + i, n) - most), n); });
  return static_cast<float>(most + logarithm(sum));
}

long rows_per_task(long classes) { return max_of(1, kValues / classes); }

template <typename T>
void forward(float* loss, float* lse, const T* logits, const float* target, long rows, long classes) {
  float* losses = static_cast<float*>(sk_pool_scratch(0, rows * 4));
  parallel_range(rows, rows_per_task(classes), [=](long begin, long end) {
    for (long row = begin; row < end; row++) {
      const T* z = logits + row * classes;
      const float* t = target + row * classes;
      float log_sum = lse[row] = log_sum_exp(z, classes);
      losses[row] = sum_over(classes, [=](long i, int n) { return get(t + i, n) * (log_sum - get(z + i, n)); });
    }
  });
  double total = 0;
  for (long row = 0; row < rows; row++) total += losses[row];
  loss[0] = static_cast<float>(total / static_cast<double>(rows));
}

template <typename T>
void backward(T* dlogits, const float* dloss, const float* lse, const T* logits, const float* target, long rows,
              long classes) {
  float scale = dloss[0] / static_cast<float>(rows);
  parallel_range(rows, rows_per_task(classes), [=](long begin, long end) {
    for (long row = begin; row < end; row++) {
      const T* z = logits + row * classes;
      const float* t = target + row * classes;
      T* dz = dlogits + row * classes;
      vfloat whole = splat(sum_over(classes, [=](long i, int n) { return get(t + i, n); }));
      sweep(0, classes,
            [=](long i, int n) { put(dz + i, fma(whole, vexp(get(z + i, n) - lse[row]), -get(t + i, n)) * scale, n); });
    }
  });
}
}  // namespace

extern "C" {
void SK(cross_entropy_forward)(sk_f32 loss, sk_f32 lse, sk_cany logits, sk_cf32 target, int rows, int classes,
                               int dtype) {
  with_storage(dtype, [=](auto as) { forward(loss, lse, as(logits), target, rows, classes); });
}

void SK(cross_entropy_backward)(sk_any dlogits, sk_cf32 dloss, sk_cf32 lse, sk_cany logits, sk_cf32 target, int rows,
                                int classes, int dtype) {
  with_storage(dtype, [=](auto as) { backward(as(dlogits), dloss, lse, as(logits), target, rows, classes); });
}
}
