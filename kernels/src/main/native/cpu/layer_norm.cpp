// layer_norm.cpp: y = (x - mean) * rstd * gamma + beta with rstd = 1 / sqrt(var + eps), and its gradient.
//
//   With xhat = (x - mean) * rstd and g = gamma * dy, over the D values of a row:
//     dx = rstd * (g - mean(g) - xhat * mean(g * xhat));  dgamma += sum over rows of dy * xhat;  dbeta += ... of dy
//
//   Shapes   x, y, dx, dy [R, D], f32 or bf16; mean, rstd [R]; gamma, beta [D]; any R, D >= 1
//   Tiles    forward: rows of about 16 Ki values a task; the three passes over a row (mean, variance, output) hit L1;
//            of short rows in bf16, where arithmetic bounds and not memory, four go abreast and hide each other's sums
//            backward: 32 rows a task, in AVX-512 four at a time, so that a column's partial sums are read and written
//            once per four rows; partials [tasks, 2, D] in scratch (3 % of the traffic at D 768), added in task order
//   Traffic  f32: forward reads 4RD bytes, writes 4RD; backward reads 8RD, writes 4RD
//   FLOPs    about 8RD forward, 14RD backward: memory-bound
//   Source   Ba et al. 2016, arXiv:1607.06450; the variance in two passes, E[x^2] - mean^2 loses digits
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"
#include "stores.h"

namespace {
constexpr long kForwardValues = 1 << 14;
constexpr long kRowsPerTask = 32;
constexpr int kRowsAtOnce = 4;
constexpr long kShort = 256;

template <typename T, typename To>
struct Forward {
  To to;
  T* y;
  float *mean, *rstd;
  const T* x;
  const float *gamma, *beta;
  long cols;
  float eps;

  /** kRows rows from `first` on, each by the same operations whatever kRows is. */
  template <int kRows>
  void rows(long first) const {
    const T* in = x + first * cols;
    T* out = y + first * cols;
    const long n = cols;
    float m[kRows], scale[kRows];
    for (int r = 0; r < kRows; r++)
      m[r] = sum_over(n,
                      [=, this](long i, int count) {
                        to.ahead(out + r * n + i);
                        prefetch(in + (r + kRows) * n + i);
                        return get(in + r * n + i, count);
                      }) /
             n;
    for (int r = 0; r < kRows; r++) {
      float variance = sum_over(n,
                                [=, mean = m[r]](long i, int count) {
                                  vfloat d = get(in + r * n + i, count) - mean;
                                  return keep(d * d, count);
                                }) /
                       n;
      scale[r] = 1 / __builtin_sqrtf(variance + eps);
    }
    for (int r = 0; r < kRows; r++) {
      mean[first + r] = m[r];
      rstd[first + r] = scale[r];
      sweep(0, n, [=, this, mean = m[r], scale = scale[r]](long i, int count) {
        vfloat normal = (get(in + r * n + i, count) - mean) * scale;
        to.put(out + r * n + i, fma(normal, get(gamma + i, count), get(beta + i, count)), count);
      });
    }
  }
};

template <typename T, typename To>
void forward(Forward<T, To> f, long rows) {
  const bool abreast = sizeof(T) == 2 && f.cols <= kShort;
  parallel_range(rows, max_of(1, kForwardValues / f.cols), [=](long begin, long end) {
    long row = begin;
    for (; abreast && row + kRowsAtOnce <= end; row += kRowsAtOnce) f.template rows<kRowsAtOnce>(row);
    for (; row < end; row++) f.template rows<1>(row);
    f.to.done();
  });
}

template <typename T, typename To>
struct Backward {
  To to;
  T* dx;
  const T *dy, *x;
  const float *gamma, *mean, *rstd;
  long cols;

  /** dx of kRows rows from `first` on; adds their part of dgamma and dbeta to the partial sums. */
  template <int kRows>
  void rows(long first, float* dgamma, float* dbeta) const {
    vfloat sum_g[kRows] = {}, sum_gx[kRows] = {};
    sweep(0, cols, [&](long i, int n) {
      vfloat scale = get(gamma + i, n), dgamma_sum = get(dgamma + i, n), dbeta_sum = get(dbeta + i, n);
      for (int r = 0; r < kRows; r++) {
        long here = (first + r) * cols + i, next = here + kRows * cols;
        to.ahead(dx + here);
        prefetch(dy + next);
        prefetch(x + next);
        vfloat d = get(dy + here, n), xhat = normalized(first + r, i, n), g = d * scale;
        dgamma_sum = fma(d, xhat, dgamma_sum);
        dbeta_sum += d;
        sum_g[r] += g;
        sum_gx[r] = fma(g, xhat, sum_gx[r]);
      }
      put(dgamma + i, dgamma_sum, n);
      put(dbeta + i, dbeta_sum, n);
    });
    for (int r = 0; r < kRows; r++) {
      vfloat mean_g = splat(sum_lanes(sum_g[r]) / cols), mean_gx = splat(sum_lanes(sum_gx[r]) / cols);
      vfloat scale = splat(rstd[first + r]);
      sweep(0, cols, [&](long i, int n) {
        long at = (first + r) * cols + i;
        vfloat centred = fma(get(dy + at, n), get(gamma + i, n), -mean_g);
        to.put(dx + at, fma(-normalized(first + r, i, n), mean_gx, centred) * scale, n);
      });
    }
  }

  vfloat normalized(long row, long i, int n) const { return (get(x + row * cols + i, n) - mean[row]) * rstd[row]; }
};

template <typename T, typename To>
void backward(Backward<T, To> b, float* dgamma, float* dbeta, long rows) {
  long tasks = ceil_div(rows, kRowsPerTask), width = b.cols;
  float* partial = static_cast<float*>(sk_pool_scratch(0, tasks * 2 * width * 4));
  parallel_for(tasks, [=](long task, int) {
    float *dgamma_part = partial + task * 2 * width, *dbeta_part = dgamma_part + width;
    sweep(0, 2 * width, [=](long i, int n) { put(dgamma_part + i, vfloat{}, n); });
    long row = task * kRowsPerTask, end = min_of(rows, row + kRowsPerTask);
    constexpr int kRows = kLanes == 16 ? 4 : sizeof(T) == 2 ? 2 : 1;  // so few that no sum is spilled
    for (; row + kRows <= end; row += kRows) b.template rows<kRows>(row, dgamma_part, dbeta_part);
    for (; row < end; row++) b.template rows<1>(row, dgamma_part, dbeta_part);
    b.to.done();
  });
  parallel_range(width, 1024, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int n) {
      vfloat dgamma_sum = {}, dbeta_sum = {};
      for (long task = 0; task < tasks; task++) {
        dgamma_sum += get(partial + 2 * task * width + i, n);
        dbeta_sum += get(partial + (2 * task + 1) * width + i, n);
      }
      put(dgamma + i, get(dgamma + i, n) + dgamma_sum, n);
      put(dbeta + i, get(dbeta + i, n) + dbeta_sum, n);
    });
  });
}
}  // namespace

extern "C" {
void SK(layer_norm_forward)(sk_any y, sk_f32 mean, sk_f32 rstd, sk_cany x, sk_cf32 gamma, sk_cf32 beta, int rows,
                            int cols, float eps, int dtype) {
  with_storage(dtype, [=](auto as) {
    with_stores(as(y), rows, cols, [=](auto to) {
      forward(Forward{to, as(y), mean, rstd, as(x), gamma, beta, cols, eps}, rows);
    });
  });
}

void SK(layer_norm_backward)(sk_any dx, sk_f32 dgamma, sk_f32 dbeta, sk_cany dy, sk_cany x, sk_cf32 gamma, sk_cf32 mean,
                             sk_cf32 rstd, int rows, int cols, int dtype) {
  with_storage(dtype, [=](auto as) {
    with_stores(as(dx), rows, cols, [=](auto to) {
      backward(Backward{to, as(dx), as(dy), as(x), gamma, mean, rstd, cols}, dgamma, dbeta, rows);
    });
  });
}
}
