// regression_loss.cpp: mean squared or smooth-L1 error against the standardised teacher tokens.
//
//   t = (z - mean(z)) / sqrt(var(z) + 1e-6) of each token;  e = s - t
//   loss = mean of e^2 (kind 0), or of |e| < 1 ? e^2/2 : |e| - 1/2 (kind 1);  ds = dloss/(F n D) * (2e, or e cut to
//   +-1)
//
//   Shapes   pred s [F, n, D]; teacher z [F, skip+n, D]; stats [F, n, 2] = mean, rstd of each token; pred,
//            teacher, dpred f32 or bf16
//   Tiles    16 tokens a task; a row's error is summed in f32 (lanes), rows and tasks in f64, in order
//   Traffic  f32: forward and backward read 8 F n D bytes, backward writes 4 F n D: the target is never stored
//   Source   Girshick 2015, arXiv:1504.08083, equation 3 (smooth L1, beta 1)
#include "pool.h"
#include "rows.h"
#include "sdae_kernels.h"

namespace {
constexpr long kTokens = 16;

template <typename T>
void forward(float* loss, float* stats, const T* pred, const T* teacher, long folds, long tokens, long d, long skip,
             int kind) {
  long rows = folds * tokens, tasks = ceil_div(rows, kTokens);
  double* partial = static_cast<double*>(sk_pool_scratch(0, tasks * 8));
  parallel_for(tasks, [=](long task, int) {
    double sum = 0;
    for (long r = task * kTokens; r < min_of(rows, (task + 1) * kTokens); r++) {
      const T *s = pred + r * d, *z = teacher + (r + (r / tokens + 1) * skip) * d;
      Moments m = moments(z, d);
      stats[2 * r] = m.mean;
      stats[2 * r + 1] = m.rstd;
      sum += sum_over(d, [=](long i, int count) {
        vfloat e = keep(error(s, z, m, i, count), count);
        if (kind == 0) return e * e;
        vfloat size = vmax(e, -e), half = splat(0.5f);
        return select(size >= splat(1.0f), size - half, half * e * e);
      });
    }
    partial[task] = sum;
  });
  double total = 0;
  for (long t = 0; t < tasks; t++) total += partial[t];
  loss[0] = static_cast<float>(total / (static_cast<double>(rows) * static_cast<double>(d)));
}

template <typename T>
void backward(T* dpred, const float* dloss, const float* stats, const T* pred, const T* teacher, long folds,
              long tokens, long d, long skip, int kind) {
  long rows = folds * tokens;
  vfloat scale = splat(
      static_cast<float>(dloss[0] * (kind == 0 ? 2.0 : 1.0) / (static_cast<double>(rows) * static_cast<double>(d))));
  parallel_range(rows, kTokens, [=](long begin, long end) {
    for (long r = begin; r < end; r++) {
      const T *s = pred + r * d, *z = teacher + (r + (r / tokens + 1) * skip) * d;
      Moments m = {stats[2 * r], stats[2 * r + 1]};
      sweep(0, d, [=](long i, int count) {
        vfloat e = error(s, z, m, i, count), one = splat(1.0f);
        if (kind != 0) e = select(e > one, one, select(e < -one, -one, e));
        put(dpred + r * d + i, scale * e, count);
      });
    }
  });
}
}  // namespace

extern "C" {
void SK(regression_loss_forward)(sk_f32 loss, sk_f32 stats, sk_cany pred, sk_cany teacher, int folds, int tokens,
                                 int cols, int skip, int kind, int dtype) {
  with_storage(dtype, [=](auto as) { forward(loss, stats, as(pred), as(teacher), folds, tokens, cols, skip, kind); });
}

void SK(regression_loss_backward)(sk_any dpred, sk_cf32 dloss, sk_cf32 stats, sk_cany pred, sk_cany teacher, int folds,
                                  int tokens, int cols, int skip, int kind, int dtype) {
  with_storage(dtype, [=](auto as) {
    backward(as(dpred), dloss, stats, as(pred), as(teacher), folds, tokens, cols, skip, kind);
  });
}
}
