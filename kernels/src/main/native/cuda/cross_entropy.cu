// cross_entropy.cu: loss = mean over rows of -sum_c t_c log softmax(z)_c, and its gradient.
//
//   lse = max(z) + log sum_c exp(z_c - max(z));  a row's loss = sum_c t_c (lse - z_c)
//   dz_c = dloss / R * (T softmax(z)_c - t_c) with T = sum_c t_c: the targets (mixed, smoothed) need not add up to 1
//
//   Shapes   z, dz [R, C] (f32 | bf16, s = 4 | 2 bytes); t [R, C], lse [R], loss, dloss [1] f32; C <= 4096
//   Tiles    a row is held in registers by a warp (C <= 1024) or by the block of 128 threads: item of x = a row, 8 a
//            block; the rows of a block are added up in f64, then ..._sum adds up the blocks
//   Traffic  forward reads (s + 4)RC bytes; backward reads (s + 4)RC, writes sRC
//   FLOPs    one exponential a value: about 20RC forward, 22RC backward
//   Regs     135 at most, sm_80 to sm_120; no spills, no stack
//   Source   Bishop 2006, "Pattern recognition and machine learning", eq. 4.108; soft targets: arXiv:1512.00567
#include "rows.cuh"

constexpr int kRows = 8;

template <class T>
__device__ inline void forward(float* lse, const T* logits, const float* target, int rows, int cols, double* partial) {
  with_group(cols, aligned(logits, 4 * sizeof(T)) && aligned(target, 16), [=](auto group) {
    double loss = 0;
    group.template rows<kRows>(rows, [&](i64 row) {
      RowValues z, t;
      group.get(z, logits + row * cols);
      group.get(t, target + row * cols);
      float top = -__int_as_float(0x7f800000);
      group.units([&](int k, int, auto unit) {
        for (int j = 0; j < 4; j++)
          if (unit.has(j)) top = fmaxf(top, z[k][j]);
      });
      top = group.max(top);
      float log_sum = top + logf(group.sum_over([&](int k, int j) { return expf(z[k][j] - top); }));
      loss += group.sum_over([&](int k, int j) { return t[k][j] * (log_sum - z[k][j]); });
      if (group.lane() == 0) lse[row] = log_sum;
    });
    put_partial(partial, group.lane() == 0 ? loss : 0.0);
  });
}

template <class T>
__device__ inline void backward(T* dlogits, const float* dloss, const float* lse, const T* logits, const float* target,
                                int rows, int cols) {
  float scale = dloss[0] / static_cast<float>(rows);
  bool vector = aligned(dlogits, 4 * sizeof(T)) && aligned(logits, 4 * sizeof(T)) && aligned(target, 16);
  with_group(cols, vector, [=](auto group) {
    group.template rows<kRows>(rows, [=](i64 row) {
      RowValues z, t;
      group.get(z, logits + row * cols);
      group.get(t, target + row * cols);
      float whole = group.sum_over([&](int k, int j) { return t[k][j]; }), log_sum = lse[row];
      group.units([&](int k, int c, auto unit) {
        for (int j = 0; j < 4; j++) z[k][j] = fmaf(whole, expf(z[k][j] - log_sum), -t[k][j]) * scale;
        unit.put(dlogits + row * cols + c, z[k]);
      });
    });
  });
}

// Forward leaves a double a block in partial: 8 * ceil(R/8) bytes.
#define FAMILY(T, suffix)                                                                                            \
  SK_KERNEL(sk_cross_entropy_forward_##suffix, kRowThreads, kRows, 1)                                                \
  (float*, float* lse, const T* logits, const float* target, int rows, int classes, double* partial) {               \
    forward(lse, logits, target, rows, classes, partial);                                                            \
  }                                                                                                                  \
  SK_KERNEL(sk_cross_entropy_backward_##suffix, kRowThreads, kRows, 1)                                               \
  (T * dlogits, const float* dloss, const float* lse, const T* logits, const float* target, int rows, int classes) { \
    backward(dlogits, dloss, lse, logits, target, rows, classes);                                                    \
  }
FAMILY(float, f32)
FAMILY(bf16, bf16)

// loss [1] = the sum of the `count` = ceil(R/8) partials / R; one block.
SK_KERNEL(sk_cross_entropy_forward_sum, kSumThreads, 1, 1)(float* loss, const double* partial, int count, int rows) {
  double sum = sum_partials(partial, count);
  if (threadIdx.x == 0) loss[0] = static_cast<float>(sum / rows);
}
