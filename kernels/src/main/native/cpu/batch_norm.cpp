// batch_norm.cpp: y = (x - mean) * rstd over the rows of each column, without affine terms, and its gradient.
//
//   rstd = 1 / sqrt(var + eps), var biased; dx = rstd * (dy - mean(dy) - xhat * mean(dy * xhat)), xhat = (x - mean)
//   rstd running = (1 - momentum) running + momentum * batch, with the unbiased variance (R - 1; 1 if R is 1)
//
//   Shapes   x, y, dx, dy [R, D], f32 or bf16; mean, rstd, running_mean, running_var [D]; any R, D >= 1
//   Tiles    64 columns a task over all rows; sums in blocks of 64 rows, then over the blocks: the error of an f32 sum
//            grows with 64 + R/64, not R
//   Traffic  f32: forward reads 4RD bytes (its three passes hit L2 up to R 4096), writes 4RD; backward reads 8RD,
//   writes 4RD FLOPs    about 6RD forward, 9RD backward: memory-bound Source   Ioffe and Szegedy 2015, arXiv:1502.03167
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
constexpr long kColumns = 64;
constexpr long kRowBlock = 64;

/** One task's columns [begin, end) of [rows, cols]. */
struct Strip {
  long begin, end, rows, cols;

  /** f(column, index in the strip, count) over the columns. */
  template <typename F>
  void columns(F f) const {
    sweep(0, end - begin, [&](long i, int n) { f(begin + i, i, n); });
  }

  /** mean[i] = the mean over the rows of f(row, column, index, count). */
  template <typename F>
  void mean(float* mean, F f) const {
    float block[kColumns];
    columns([&](long, long i, int n) { put(mean + i, vfloat{}, n); });
    for (long first = 0; first < rows; first += kRowBlock) {
      columns([&](long, long i, int n) { put(block + i, vfloat{}, n); });
      for (long row = first; row < min_of(rows, first + kRowBlock); row++)
        columns([&](long c, long i, int n) { put(block + i, get(block + i, n) + f(row, c, i, n), n); });
      columns([&](long, long i, int n) { put(mean + i, get(mean + i, n) + get(block + i, n), n); });
    }
    columns([&](long, long i, int n) { put(mean + i, get(mean + i, n) / static_cast<float>(rows), n); });
  }
};

template <typename F>
void over_strips(long rows, long cols, F f) {
  parallel_range(cols, kColumns, [=](long begin, long end) { f(Strip{begin, end, rows, cols}); });
}

template <typename T>
void forward(T* y, float* mean, float* rstd, float* running_mean, float* running_var, const T* x, long rows, long cols,
             float eps, float momentum, int training) {
  over_strips(rows, cols, [=](Strip strip) {
    float m[kColumns], var[kColumns];
    if (training) {
      strip.mean(m, [=](long row, long c, long, int n) { return get(x + row * cols + c, n); });
      strip.mean(var, [=, &m](long row, long c, long i, int n) {
        vfloat d = get(x + row * cols + c, n) - get(m + i, n);
        return d * d;
      });
      float unbiased = static_cast<float>(rows) / static_cast<float>(max_of(1, rows - 1));
      strip.columns([&](long c, long i, int n) {
        put(running_mean + c, fma(get(m + i, n), splat(momentum), get(running_mean + c, n) * (1 - momentum)), n);
        put(running_var + c, fma(get(var + i, n), splat(momentum * unbiased), get(running_var + c, n) * (1 - momentum)),
            n);
      });
    } else {
      strip.columns([&](long c, long i, int n) {
        put(m + i, get(running_mean + c, n), n);
        put(var + i, get(running_var + c, n), n);
      });
    }
    strip.columns([&](long c, long i, int n) {
      put(mean + c, get(m + i, n), n);
      put(rstd + c, 1 / vsqrt(get(var + i, n) + eps), n);
    });
    for (long row = 0; row < rows; row++)
      strip.columns([&](long c, long i, int n) {
        put(y + row * cols + c, (get(x + row * cols + c, n) - get(m + i, n)) * get(rstd + c, n), n);
      });
  });
}

template <typename T>
void backward(T* dx, const T* dy, const T* x, const float* mean, const float* rstd, long rows, long cols) {
  over_strips(rows, cols, [=](Strip strip) {
    auto normalized = [=](long row, long c, int n) {
      return (get(x + row * cols + c, n) - get(mean + c, n)) * get(rstd + c, n);
    };
    float mean_dy[kColumns], mean_dyx[kColumns];
    strip.mean(mean_dy, [=](long row, long c, long, int n) { return get(dy + row * cols + c, n); });
    strip.mean(mean_dyx,
               [=](long row, long c, long, int n) { return get(dy + row * cols + c, n) * normalized(row, c, n); });
    for (long row = 0; row < rows; row++)
      strip.columns([&](long c, long i, int n) {
        vfloat centred = get(dy + row * cols + c, n) - get(mean_dy + i, n);
        put(dx + row * cols + c, fma(-normalized(row, c, n), get(mean_dyx + i, n), centred) * get(rstd + c, n), n);
      });
  });
}
}  // namespace

extern "C" {
void SK(batch_norm_forward)(sk_any y, sk_f32 mean, sk_f32 rstd, sk_f32 running_mean, sk_f32 running_var, sk_cany x,
                            int rows, int cols, float eps, float momentum, int training, int dtype) {
  with_storage(dtype, [=](auto as) {
    forward(as(y), mean, rstd, running_mean, running_var, as(x), rows, cols, eps, momentum, training);
  });
}

void SK(batch_norm_backward)(sk_any dx, sk_cany dy, sk_cany x, sk_cf32 mean, sk_cf32 rstd, int rows, int cols,
                             int dtype) {
  with_storage(dtype, [=](auto as) { backward(as(dx), as(dy), as(x), mean, rstd, rows, cols); });
}
}
