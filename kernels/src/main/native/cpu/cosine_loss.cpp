// cosine_loss.cpp: SdAE's loss, 1 - mean cosine of predictions and standardised teacher tokens, and its gradient.
//
//   t = (z - mean(z)) / sqrt(var(z) + 1e-6) of each token over its channels, var with divisor D-1
//   axis 0   cos[f, c] = sum_i t s / (|t| |s|), vectors over the n tokens of a fold;  axis 1: cos[f, i], over channels
//   center   (axis 0) t and s less their means over the fold's tokens first
//   loss = 1 - mean cos;   ds = -dloss/cosines * (t - (t.s/|s|^2) s) / (|t| |s|)
//
//   A norm below 1e-8 makes the cosine 0 with gradient 0; so does a vector of one value, whose cosine is a sign.
//   (The released code clamps the norm at 1e-8 there, which gives gradients of up to 1e8.) NaN stays NaN.
//
//   Shapes   pred s [F, n, D]; teacher z [F, skip+n, D]; stats: [F*n, 2] = mean, rstd of each token, then five planes
//            of one value per cosine: t.s, |t|^2, |s|^2, mean t, mean s; pred, teacher, dpred f32 or bf16
//   Tiles    axis 0: one fold a task; it goes over the rows in memory order with the five sums of every channel in
//            scratch (L1: 20 D bytes), so pred and teacher are read once (twice if centred). axis 1: 16 tokens a task.
//            Cosines are summed in f64, tasks in order
//   Center   means are taken about the fold's first row: a channel that is constant has norm 0 exactly
//   Traffic  f32: forward and backward read 8 F n D bytes, backward writes 4 F n D: the target is never stored
//   FLOPs    about 13 F n D forward, 8 F n D backward: memory-bound
//   Source   SdAE engine_pretrain.py, train_one_epoch (cosine_similarity with its default dim=1: axis 0)
// Rounded before a mean is taken away: a channel that is constant in the teacher must come out as 0, not as what an
// fma finds below the last bit.
#pragma GCC optimize("fp-contract=off")
#include "pool.h"
#include "rows.h"
#include "sdae_kernels.h"

namespace {
constexpr long kTokens = 16;
constexpr float kSquaredEps = 1e-16f;

/** 1 / (|t| |s|), or 0 where a norm counts as zero. */
inline vfloat inverse_norms(vfloat tt, vfloat ss) {
  vint dead = (tt < splat(kSquaredEps)) | (ss < splat(kSquaredEps));
  return select(dead, vfloat{}, splat(1.0f) / (vsqrt(tt) * vsqrt(ss)));
}
/** t.s / |s|^2, or 0 where a norm counts as zero. */
inline vfloat projection(vfloat ts, vfloat tt, vfloat ss) {
  vint dead = (tt < splat(kSquaredEps)) | (ss < splat(kSquaredEps));
  return select(dead, vfloat{}, ts / ss);
}

/** The inputs and their strides. */
template <typename T>
struct Folds {
  const T *pred, *teacher;
  long folds, tokens, cols, skip;

  long rows() const { return folds * tokens; }
  const T* s(long row) const { return pred + row * cols; }
  const T* z(long row) const { return teacher + (row + (row / tokens + 1) * skip) * cols; }
};

/** The five planes of `cosines` values behind the token statistics. */
template <typename F>
struct Planes {
  F *ts, *tt, *ss, *mean_t, *mean_s;
  Planes(F* p, long cosines)
      : ts(p), tt(p + cosines), ss(p + 2 * cosines), mean_t(p + 3 * cosines), mean_s(p + 4 * cosines) {}
};

/** mean_t, mean_s of each channel of fold f, about its first row: exact for a constant channel. */
template <typename T>
void channel_means(Planes<float> sum, const Folds<T>& x, const float* token, long f) {
  long first = f * x.tokens;
  Moments m0 = {token[2 * first], token[2 * first + 1]};
  for (long r = first + 1; r < first + x.tokens; r++) {
    Moments m = {token[2 * r], token[2 * r + 1]};
    sweep(0, x.cols, [&](long i, int count) {
      vfloat t = standardized(x.z(r), m, i, count) - standardized(x.z(first), m0, i, count);
      vfloat s = get(x.s(r) + i, count) - get(x.s(first) + i, count);
      put(sum.mean_t + i, get(sum.mean_t + i, count) + t, count);
      put(sum.mean_s + i, get(sum.mean_s + i, count) + s, count);
    });
  }
  vfloat n = splat(static_cast<float>(x.tokens));
  sweep(0, x.cols, [&](long i, int count) {
    put(sum.mean_t + i, standardized(x.z(first), m0, i, count) + get(sum.mean_t + i, count) / n, count);
    put(sum.mean_s + i, get(x.s(first) + i, count) + get(sum.mean_s + i, count) / n, count);
  });
}

/** Fold f with one cosine per channel: statistics into `token` and `out`; returns the sum of the cosines. */
template <typename T>
double channels_of_fold(float* token, Planes<float> out, float* scratch, const Folds<T>& x, long f, bool center) {
  long d = x.cols;
  Planes<float> sum(scratch, d);
  zero_row(scratch, 5 * d);
  for (long r = f * x.tokens; r < (f + 1) * x.tokens; r++) {
    Moments m = moments(x.z(r), d);
    token[2 * r] = m.mean;
    token[2 * r + 1] = m.rstd;
  }
  if (center) channel_means(sum, x, token, f);
  for (long r = f * x.tokens; r < (f + 1) * x.tokens; r++) {
    Moments m = {token[2 * r], token[2 * r + 1]};
    sweep(0, d, [&](long i, int count) {
      vfloat t = standardized(x.z(r), m, i, count) - get(sum.mean_t + i, count);
      vfloat s = get(x.s(r) + i, count) - get(sum.mean_s + i, count);
      put(sum.ts + i, fma(t, s, get(sum.ts + i, count)), count);
      put(sum.tt + i, fma(t, t, get(sum.tt + i, count)), count);
      put(sum.ss + i, fma(s, s, get(sum.ss + i, count)), count);
    });
  }
  copy_row(out.ts + f * d, sum.ts, d);
  copy_row(out.tt + f * d, sum.tt, d);
  copy_row(out.ss + f * d, sum.ss, d);
  copy_row(out.mean_t + f * d, sum.mean_t, d);
  copy_row(out.mean_s + f * d, sum.mean_s, d);
  double total = 0;
  sweep(0, d, [&](long i, int count) {
    vfloat inverse = inverse_norms(get(sum.tt + i, count), get(sum.ss + i, count));
    total += sum_lanes(keep(get(sum.ts + i, count) * inverse, count));
  });
  return total;
}

/** Tokens [begin, end) with one cosine each; returns the sum of the cosines. */
template <typename T>
double cosines_of_tokens(float* token, Planes<float> out, const Folds<T>& x, long begin, long end) {
  double total = 0;
  for (long r = begin; r < end; r++) {
    const T *s = x.s(r), *z = x.z(r);
    Moments m = moments(z, x.cols);
    token[2 * r] = m.mean;
    token[2 * r + 1] = m.rstd;
    float ts = sum_over(x.cols, [=](long i, int c) { return keep(standardized(z, m, i, c), c) * get(s + i, c); });
    float tt = sum_over(x.cols, [=](long i, int c) {
      vfloat t = keep(standardized(z, m, i, c), c);
      return t * t;
    });
    float ss = sum_over(x.cols, [=](long i, int c) { return get(s + i, c) * get(s + i, c); });
    out.ts[r] = ts;
    out.tt[r] = tt;
    out.ss[r] = ss;
    out.mean_t[r] = out.mean_s[r] = 0;
    total += ts * inverse_norms(splat(tt), splat(ss))[0];
  }
  return total;
}

/** dpred of fold f, one cosine per channel; g = -dloss/cosines. */
template <typename T>
void channel_gradient(T* dpred, Planes<const float> stat, const float* token, float* scratch, const Folds<T>& x, long f,
                      float g) {
  long d = x.cols;
  float *weight = scratch, *slope = scratch + d;
  sweep(0, d, [&](long i, int count) {
    vfloat ts = get(stat.ts + f * d + i, count), tt = get(stat.tt + f * d + i, count);
    vfloat ss = get(stat.ss + f * d + i, count);
    put(weight + i, splat(g) * inverse_norms(tt, ss), count);
    put(slope + i, projection(ts, tt, ss), count);
  });
  for (long r = f * x.tokens; r < (f + 1) * x.tokens; r++) {
    Moments m = {token[2 * r], token[2 * r + 1]};
    sweep(0, d, [&](long i, int count) {
      vfloat t = standardized(x.z(r), m, i, count) - get(stat.mean_t + f * d + i, count);
      vfloat s = get(x.s(r) + i, count) - get(stat.mean_s + f * d + i, count);
      put(dpred + r * d + i, get(weight + i, count) * (t - get(slope + i, count) * s), count);
    });
  }
}

/** dpred of tokens [begin, end), one cosine each; g = -dloss/cosines. */
template <typename T>
void token_gradient(T* dpred, Planes<const float> stat, const float* token, const Folds<T>& x, long begin, long end,
                    float g) {
  for (long r = begin; r < end; r++) {
    Moments m = {token[2 * r], token[2 * r + 1]};
    vfloat tt = splat(stat.tt[r]), ss = splat(stat.ss[r]);
    vfloat weight = splat(g) * inverse_norms(tt, ss), slope = projection(splat(stat.ts[r]), tt, ss);
    sweep(0, x.cols, [&](long i, int count) {
      put(dpred + r * x.cols + i, weight * (standardized(x.z(r), m, i, count) - slope * get(x.s(r) + i, count)), count);
    });
  }
}

template <typename T>
void forward(float* loss, float* stats, const Folds<T>& x, int axis, int center) {
  long cosines = axis == 0 ? x.folds * x.cols : x.rows();
  long tasks = axis == 0 ? x.folds : ceil_div(x.rows(), kTokens);
  Planes<float> out(stats + 2 * x.rows(), cosines);
  double* partial = static_cast<double*>(sk_pool_scratch(0, tasks * 8));
  parallel_for(tasks, [=](long task, int thread) {
    if (axis == 0) {
      float* scratch = static_cast<float*>(sk_thread_scratch(thread, 5 * 4 * x.cols));
      partial[task] = channels_of_fold(stats, out, scratch, x, task, center != 0);
    } else {
      partial[task] = cosines_of_tokens(stats, out, x, task * kTokens, min_of(x.rows(), (task + 1) * kTokens));
    }
  });
  double total = 0;
  for (long t = 0; t < tasks; t++) total += partial[t];
  loss[0] = static_cast<float>(1.0 - total / static_cast<double>(cosines));
}

template <typename T>
void backward(T* dpred, const float* dloss, const float* stats, const Folds<T>& x, int axis) {
  if ((axis == 0 ? x.tokens : x.cols) == 1) {
    zero_row(dpred, x.rows() * x.cols);
    return;
  }
  long cosines = axis == 0 ? x.folds * x.cols : x.rows();
  Planes<const float> stat(stats + 2 * x.rows(), cosines);
  float g = static_cast<float>(-static_cast<double>(dloss[0]) / static_cast<double>(cosines));
  if (axis == 0)
    parallel_for(x.folds, [=](long f, int thread) {
      float* scratch = static_cast<float*>(sk_thread_scratch(thread, 2 * 4 * x.cols));
      channel_gradient(dpred, stat, stats, scratch, x, f, g);
    });
  else
    parallel_range(x.rows(), kTokens,
                   [=](long begin, long end) { token_gradient(dpred, stat, stats, x, begin, end, g); });
}

template <typename T>
void normalize(T* target, const Folds<T>& x) {
  parallel_range(x.rows(), kTokens, [=](long begin, long end) {
    for (long r = begin; r < end; r++) {
      Moments m = moments(x.z(r), x.cols);
      sweep(0, x.cols,
            [&](long i, int count) { put(target + r * x.cols + i, standardized(x.z(r), m, i, count), count); });
    }
  });
}
}  // namespace

extern "C" {
void SK(cosine_loss_forward)(sk_f32 loss, sk_f32 stats, sk_cany pred, sk_cany teacher, int folds, int tokens, int cols,
                             int skip, int axis, int center, int dtype) {
  with_storage(dtype, [=](auto as) {
    forward(loss, stats, Folds{as(pred), as(teacher), folds, tokens, cols, skip}, axis, center);
  });
}

void SK(cosine_loss_backward)(sk_any dpred, sk_cf32 dloss, sk_cf32 stats, sk_cany pred, sk_cany teacher, int folds,
                              int tokens, int cols, int skip, int axis, int, int dtype) {
  with_storage(dtype, [=](auto as) {
    backward(as(dpred), dloss, stats, Folds{as(pred), as(teacher), folds, tokens, cols, skip}, axis);
  });
}

void SK(normalize_target)(sk_any target, sk_cany teacher, int folds, int tokens, int cols, int skip, int dtype) {
  with_storage(dtype, [=](auto as) {
    normalize(as(target), Folds{as(teacher), as(teacher), folds, tokens, cols, skip});
  });
}
}
