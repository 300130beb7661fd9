// regression_loss.cu: mean squared or smooth-L1 error against the standardised teacher tokens.
//
//   t = (z - mean(z)) / sqrt(var(z) + 1e-6) of each token;  e = s - t
//   loss = mean of e^2 (kind 0), or of |e| < 1 ? e^2/2 : |e| - 1/2 (kind 1);  ds = dloss/(F n D) * (2e, or e cut to
//   +-1)
//
//   Shapes   pred s [F, n, D], teacher z [F, skip+n, D] (f32 | bf16, b = 4 | 2 bytes); stats [F, n, 2] f32 = mean, rstd
//            of each token; D <= 4096
//   Tiles    a row of each is held in registers by a warp (D <= 1024) or by the block of 128 threads: item of x = a
//            token, 8 a block; the tokens of a block are added up in f64, then ..._sum adds up the blocks
//   Traffic  forward and backward read 2b F n D bytes, backward writes b F n D: the target is never stored
//   Regs     127 at most, sm_80 to sm_120; no spills, no stack
//   Source   Girshick 2015, arXiv:1504.08083, equation 3 (smooth L1, beta 1)
#include "rows.cuh"

constexpr int kTokens = 8;

/** The row of the teacher that faces row `row` of pred. */
__device__ inline i64 facing(i64 row, int tokens, int skip) { return row + (row / tokens + 1) * skip; }

template <class T>
__device__ inline void forward(float* stats, const T* pred, const T* teacher, int rows, int tokens, int cols, int skip,
                               int kind, double* partial) {
  with_group(cols, aligned(pred, 4 * sizeof(T)) && aligned(teacher, 4 * sizeof(T)), [=](auto group) {
    double loss = 0;
    group.template rows<kTokens>(rows, [&](i64 row) {
      RowValues z, s;
      group.get(z, teacher + facing(row, tokens, skip) * cols);
      group.get(s, pred + row * cols);
      Moments m = moments(z, group);
      if (group.lane() == 0) {
        stats[2 * row] = m.mean;
        stats[2 * row + 1] = m.rstd;
      }
      loss += group.sum_over([&](int k, int j) {
        float e = s[k][j] - standardized(z[k][j], m), size = fabsf(e);
        if (kind == 0) return e * e;
        return size >= 1 ? size - 0.5f : 0.5f * e * e;
      });
    });
    put_partial(partial, group.lane() == 0 ? loss : 0.0);
  });
}

template <class T>
__device__ inline void backward(T* dpred, const float* dloss, const float* stats, const T* pred, const T* teacher,
                                int rows, int tokens, int cols, int skip, int kind) {
  float scale = dloss[0] * (kind == 0 ? 2.0f : 1.0f) / (static_cast<float>(rows) * static_cast<float>(cols));
  bool vector = aligned(dpred, 4 * sizeof(T)) && aligned(pred, 4 * sizeof(T)) && aligned(teacher, 4 * sizeof(T));
  with_group(cols, vector, [=](auto group) {
    group.template rows<kTokens>(rows, [=](i64 row) {
      RowValues z, s;
      group.get(z, teacher + facing(row, tokens, skip) * cols);
      group.get(s, pred + row * cols);
      Moments m = {stats[2 * row], stats[2 * row + 1]};
      group.units([&](int k, int c, auto unit) {
        for (int j = 0; j < 4; j++) {
          float e = s[k][j] - standardized(z[k][j], m);
          if (kind != 0) e = e > 1 ? 1.0f : e < -1 ? -1.0f : e;
          s[k][j] = scale * e;
        }
        unit.put(dpred + row * cols + c, s[k]);
      });
    });
  });
}

// Forward leaves a double a block in partial: 8 * ceil(F*n/8) bytes.
#define FAMILY(T, suffix)                                                                                      \
  SK_KERNEL(sk_regression_loss_forward_##suffix, kRowThreads, kTokens, 1)                                      \
  (float*, float* stats, const T* pred, const T* teacher, int folds, int tokens, int cols, int skip, int kind, \
   double* partial) {                                                                                          \
    forward(stats, pred, teacher, folds* tokens, tokens, cols, skip, kind, partial);                           \
  }                                                                                                            \
  SK_KERNEL(sk_regression_loss_backward_##suffix, kRowThreads, kTokens, 1)                                     \
  (T * dpred, const float* dloss, const float* stats, const T* pred, const T* teacher, int folds, int tokens,  \
   int cols, int skip, int kind) {                                                                             \
    backward(dpred, dloss, stats, pred, teacher, folds* tokens, tokens, cols, skip, kind);                     \
  }
FAMILY(float, f32)
FAMILY(bf16, bf16)

// loss [1] = the sum of the `count` = ceil(F*n/8) partials / values, values = F*n*D; one block.
SK_KERNEL(sk_regression_loss_forward_sum, kSumThreads, 1, 1)
(float* loss, const double* partial, int count, i64 values) {
  double sum = sum_partials(partial, count);
  if (threadIdx.x == 0) loss[0] = static_cast<float>(sum / static_cast<double>(values));
}
