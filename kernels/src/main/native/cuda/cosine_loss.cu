// cosine_loss.cu: SdAE's loss, 1 - mean cosine of predictions and standardised teacher tokens, and its gradient.
//
//   t = (z - mean(z)) / sqrt(var(z) + 1e-6) of each token over its channels, var with divisor D-1
//   axis 0   cos[f, c] = sum_i t s / (|t| |s|), vectors over the n tokens of a fold;  axis 1: cos[f, i], over channels
//   center   (axis 0) t and s less their means over the fold's tokens first
//   loss = 1 - mean cos;   ds = -dloss/cosines * (t - (t.s/|s|^2) s) / (|t| |s|)
//
//   A norm below 1e-8 makes the cosine 0 with gradient 0; so does a vector of one value, whose cosine is a sign.
//   NaN stays NaN. Means are taken about the fold's first row: a channel that is constant has norm 0 exactly.
//
//   Shapes   pred s [F, n, D], teacher z [F, skip+n, D] (f32 | bf16, b = 4 | 2 bytes); stats f32: [F*n, 2] = mean, rstd
//            of each token, then five planes of one value per cosine: t.s, |t|^2, |s|^2, mean t, mean s; D <= 4096
//   Tiles    blocks of 128 threads. axis 1: a token's rows are held in registers by a warp (D <= 1024) or by the block;
//            item of x = a token, 8 a block. axis 0: item of x = a fold, one a block: its warps take the moments of its
//            tokens, then a thread takes four columns over the fold's tokens. The cosines of a block are added up in
//            f64, then ..._sum adds up the blocks
//   Traffic  axis 1 reads 2b F n D bytes; axis 0 reads 3b F n D (5b if centred), all but the first 2b from cache;
//            backward reads 2b F n D, writes b F n D; axis 0 writes or reads 20 F D bytes of stats
//   FLOPs    about 13 F n D forward, 8 F n D backward: memory-bound
//   Regs     144 at most, sm_80 to sm_120; no spills, no stack
//   Source   SdAE engine_pretrain.py, train_one_epoch (cosine_similarity with its default dim=1: axis 0)
#include "rows.cuh"

constexpr int kTokens = 8, kTokensAtOnce = 4;
constexpr float kSquaredEps = 1e-16f;

__device__ inline bool dead(float tt, float ss) { return tt < kSquaredEps || ss < kSquaredEps; }
/** 1 / (|t| |s|), or 0 where a norm counts as zero. */
__device__ inline float inverse_norms(float tt, float ss) {
  return dead(tt, ss) ? 0.0f : 1.0f / (sqrtf(tt) * sqrtf(ss));
}
/** t.s / |s|^2, or 0 where a norm counts as zero. */
__device__ inline float projection(float ts, float tt, float ss) { return dead(tt, ss) ? 0.0f : ts / ss; }

/** The inputs and their strides. */
template <class T>
struct Folds {
  const T *pred, *teacher;
  int folds, tokens, cols, skip;

  __device__ int rows() const { return folds * tokens; }
  __device__ const T* s(i64 row) const { return pred + row * cols; }
  __device__ const T* z(i64 row) const { return teacher + (row + (row / tokens + 1) * skip) * cols; }
  __device__ bool vectors() const { return aligned(pred, 4 * sizeof(T)) && aligned(teacher, 4 * sizeof(T)); }
};

/** The five planes of `cosines` values behind the token statistics. */
template <class P>
struct Planes {
  P *ts, *tt, *ss, *mean_t, *mean_s;

  __device__ Planes(P* stats, i64 rows, i64 cosines)
      : ts(stats + 2 * rows), tt(ts + cosines), ss(tt + cosines), mean_t(ss + cosines), mean_s(mean_t + cosines) {}
};

__device__ inline void put_moments(float* stats, i64 row, Moments m) {
  stats[2 * row] = m.mean;
  stats[2 * row + 1] = m.rstd;
}
__device__ inline Moments get_moments(const float* stats, i64 row) { return {stats[2 * row], stats[2 * row + 1]}; }

/** Four columns of the fold blockIdx.x, for one thread. */
template <class T, bool kVector>
struct Columns {
  Folds<T> x;
  const float* stats;
  int column;
  Share<kRowThreads, 4, kVector> share;

  /** t and s of a row. */
  __device__ void get(float (&t)[4], float (&s)[4], i64 row) const {
    share.get(t, x.z(row) + column);
    share.get(s, x.s(row) + column);
    Moments m = get_moments(stats, row);
    for (int j = 0; j < 4; j++) t[j] = standardized(t[j], m);
  }
  /** f(row, t, s) for the rows of the fold in their order, kTokensAtOnce read at a time. */
  template <class F>
  __device__ void rows(F f) const {
    i64 first = static_cast<i64>(blockIdx.x) * x.tokens;
    for (int i = 0; i < x.tokens; i += kTokensAtOnce) {
      float t[kTokensAtOnce][4], s[kTokensAtOnce][4];
#pragma unroll
      for (int r = 0; r < kTokensAtOnce; r++)
        if (i + r < x.tokens) get(t[r], s[r], first + i + r);
#pragma unroll
      for (int r = 0; r < kTokensAtOnce; r++)
        if (i + r < x.tokens) f(first + i + r, t[r], s[r]);
    }
  }
  /** Means of t and s over the fold, about its first row. */
  __device__ void means(float (&mean_t)[4], float (&mean_s)[4]) const {
    float t0[4], s0[4];
    get(t0, s0, static_cast<i64>(blockIdx.x) * x.tokens);
    rows([&](i64, float(&t)[4], float(&s)[4]) {
      for (int j = 0; j < 4; j++) {
        mean_t[j] += t[j] - t0[j];
        mean_s[j] += s[j] - s0[j];
      }
    });
    for (int j = 0; j < 4; j++) {
      mean_t[j] = t0[j] + mean_t[j] / static_cast<float>(x.tokens);
      mean_s[j] = s0[j] + mean_s[j] / static_cast<float>(x.tokens);
    }
  }
};

/** f(columns, index of the first in the planes) for the columns of this thread. */
template <bool kVector, class T, class F>
__device__ inline void over_columns(const Folds<T>& x, const float* stats, F f) {
  for (int c = 0; c < x.cols; c += 4 * kRowThreads) {
    Share<kRowThreads, 4, kVector> share{static_cast<int>(threadIdx.x), min(x.cols - c, 4 * kRowThreads)};
    f(Columns<T, kVector>{x, stats, c, share}, static_cast<i64>(blockIdx.x) * x.cols + c);
  }
}

/** The cosines of four columns, their statistics into the planes from `at` on; returns their sum. */
template <class C>
__device__ inline double channel_cosines(const C& columns, Planes<float> out, i64 at, bool center) {
  float ts[4] = {}, tt[4] = {}, ss[4] = {}, mean_t[4] = {}, mean_s[4] = {};
  if (center) columns.means(mean_t, mean_s);
  columns.rows([&](i64, float(&t)[4], float(&s)[4]) {
    for (int j = 0; j < 4; j++) {
      float a = t[j] - mean_t[j], b = s[j] - mean_s[j];
      ts[j] = fmaf(a, b, ts[j]);
      tt[j] = fmaf(a, a, tt[j]);
      ss[j] = fmaf(b, b, ss[j]);
    }
  });
  columns.share.put(out.ts + at, ts);
  columns.share.put(out.tt + at, tt);
  columns.share.put(out.ss + at, ss);
  columns.share.put(out.mean_t + at, mean_t);
  columns.share.put(out.mean_s + at, mean_s);
  double total = 0;
  for (int j = 0; j < 4; j++)
    if (columns.share.has(j)) total += ts[j] * inverse_norms(tt[j], ss[j]);
  return total;
}

template <class T>
__device__ inline void forward_channels(float* stats, Folds<T> x, int center, double* partial) {
  Planes<float> out(stats, x.rows(), static_cast<i64>(x.folds) * x.cols);
  with_group(x.cols, x.vectors() && aligned(out.ts, 16), [=](auto group) {
    i64 first = static_cast<i64>(blockIdx.x) * x.tokens;
    for (int i = group.index(); i < x.tokens; i += group.kGroups) {
      RowValues z;
      group.get(z, x.z(first + i));
      Moments m = moments(z, group);
      if (group.lane() == 0) put_moments(stats, first + i, m);
    }
    __syncthreads();
    double total = 0;
    over_columns<decltype(group)::kVectors>(
        x, stats, [&](auto columns, i64 at) { total += channel_cosines(columns, out, at, center != 0); });
    put_partial(partial, total);
  });
}

template <class T>
__device__ inline void backward_channels(T* dpred, const float* dloss, const float* stats, Folds<T> x) {
  i64 cosines = static_cast<i64>(x.folds) * x.cols;
  Planes<const float> stat(stats, x.rows(), cosines);
  float g = -dloss[0] / static_cast<float>(cosines);
  auto gradient = [=](auto columns, i64 at) {
    float weight[4], slope[4], tt[4], ss[4], mean_t[4], mean_s[4];
    columns.share.get(slope, stat.ts + at);
    columns.share.get(tt, stat.tt + at);
    columns.share.get(ss, stat.ss + at);
    columns.share.get(mean_t, stat.mean_t + at);
    columns.share.get(mean_s, stat.mean_s + at);
    for (int j = 0; j < 4; j++) {
      weight[j] = g * inverse_norms(tt[j], ss[j]);
      slope[j] = projection(slope[j], tt[j], ss[j]);
    }
    columns.rows([&](i64 row, float(&t)[4], float(&s)[4]) {
      for (int j = 0; j < 4; j++)
        t[j] = x.tokens == 1 ? 0.0f : weight[j] * (t[j] - mean_t[j] - slope[j] * (s[j] - mean_s[j]));
      columns.share.put(dpred + row * x.cols + columns.column, t);
    });
  };
  if (x.vectors() && aligned(dpred, 4 * sizeof(T)) && aligned(stat.ts, 16) && x.cols % 4 == 0)
    over_columns<true>(x, stats, gradient);
  else
    over_columns<false>(x, stats, gradient);
}

template <class T>
__device__ inline void forward_tokens(float* stats, Folds<T> x, double* partial) {
  Planes<float> out(stats, x.rows(), x.rows());
  with_group(x.cols, x.vectors(), [=](auto group) {
    double total = 0;
    group.template rows<kTokens>(x.rows(), [&](i64 row) {
      RowValues t, s;
      group.get(t, x.z(row));
      group.get(s, x.s(row));
      Moments m = moments(t, group);
      group.units([&](int k, int, auto) {
        for (int j = 0; j < 4; j++) t[k][j] = standardized(t[k][j], m);
      });
      float ts = group.sum_over([&](int k, int j) { return t[k][j] * s[k][j]; });
      float tt = group.sum_over([&](int k, int j) { return t[k][j] * t[k][j]; });
      float ss = group.sum_over([&](int k, int j) { return s[k][j] * s[k][j]; });
      total += ts * inverse_norms(tt, ss);
      if (group.lane() > 0) return;
      put_moments(stats, row, m);
      out.ts[row] = ts;
      out.tt[row] = tt;
      out.ss[row] = ss;
      out.mean_t[row] = out.mean_s[row] = 0;
    });
    put_partial(partial, group.lane() == 0 ? total : 0.0);
  });
}

template <class T>
__device__ inline void backward_tokens(T* dpred, const float* dloss, const float* stats, Folds<T> x) {
  Planes<const float> stat(stats, x.rows(), x.rows());
  float g = -dloss[0] / static_cast<float>(x.rows());
  with_group(x.cols, x.vectors() && aligned(dpred, 4 * sizeof(T)), [=](auto group) {
    group.template rows<kTokens>(x.rows(), [=](i64 row) {
      RowValues t, s;
      group.get(t, x.z(row));
      group.get(s, x.s(row));
      Moments m = get_moments(stats, row);
      float tt = stat.tt[row], ss = stat.ss[row];
      float weight = g * inverse_norms(tt, ss), slope = projection(stat.ts[row], tt, ss);
      group.units([&](int k, int c, auto unit) {
        for (int j = 0; j < 4; j++)
          t[k][j] = x.cols == 1 ? 0.0f : weight * (standardized(t[k][j], m) - slope * s[k][j]);
        unit.put(dpred + row * x.cols + c, t[k]);
      });
    });
  });
}

template <class T>
__device__ inline void normalize(T* target, Folds<T> x) {
  with_group(x.cols, aligned(x.teacher, 4 * sizeof(T)) && aligned(target, 4 * sizeof(T)), [=](auto group) {
    group.template rows<kTokens>(x.rows(), [=](i64 row) {
      RowValues t;
      group.get(t, x.z(row));
      Moments m = moments(t, group);
      group.units([&](int k, int c, auto unit) {
        float out[4];
        for (int j = 0; j < 4; j++) out[j] = standardized(t[k][j], m);
        unit.put(target + row * x.cols + c, out);
      });
    });
  });
}

// Forward leaves a double a block in partial: 8 * F bytes (axis 0), 8 * ceil(F*n/8) (axis 1). The axis is in the name;
// the argument of that name is not looked at.
#define FORWARD(T, axis_suffix, items)                                                                                \
  SK_KERNEL(sk_cosine_loss_forward_##axis_suffix, kRowThreads, items, 1)                                              \
  (float*, float* stats, const T* pred, const T* teacher, int folds, int tokens, int cols, int skip, int, int center, \
   double* partial)
#define BACKWARD(T, axis_suffix, items)                                                                       \
  SK_KERNEL(sk_cosine_loss_backward_##axis_suffix, kRowThreads, items, 1)                                     \
  (T * dpred, const float* dloss, const float* stats, const T* pred, const T* teacher, int folds, int tokens, \
   int cols, int skip, int, int)
#define FAMILY(T, suffix)                                                                         \
  FORWARD(T, suffix##_axis0, 1) {                                                                 \
    forward_channels(stats, Folds<T>{pred, teacher, folds, tokens, cols, skip}, center, partial); \
  }                                                                                               \
  FORWARD(T, suffix##_axis1, kTokens) {                                                           \
    forward_tokens(stats, Folds<T>{pred, teacher, folds, tokens, cols, skip}, partial);           \
  }                                                                                               \
  BACKWARD(T, suffix##_axis0, 1) {                                                                \
    backward_channels(dpred, dloss, stats, Folds<T>{pred, teacher, folds, tokens, cols, skip});   \
  }                                                                                               \
  BACKWARD(T, suffix##_axis1, kTokens) {                                                          \
    backward_tokens(dpred, dloss, stats, Folds<T>{pred, teacher, folds, tokens, cols, skip});     \
  }                                                                                               \
  SK_KERNEL(sk_normalize_target_##suffix, kRowThreads, kTokens, 1)                                \
  (T * target, const T* teacher, int folds, int tokens, int cols, int skip) {                     \
    normalize(target, Folds<T>{nullptr, teacher, folds, tokens, cols, skip});                     \
  }
FAMILY(float, f32)
FAMILY(bf16, bf16)

// loss [1] = 1 - the sum of the `count` partials / cosines (F*D on axis 0, F*n on axis 1); one block.
SK_KERNEL(sk_cosine_loss_forward_sum, kSumThreads, 1, 1)(float* loss, const double* partial, int count, i64 cosines) {
  double sum = sum_partials(partial, count);
  if (threadIdx.x == 0) loss[0] = static_cast<float>(1.0 - sum / static_cast<double>(cosines));
}
