// layer_norm.cu: y = (x - mean) * rstd * gamma + beta with rstd = 1 / sqrt(var + eps), and its gradient.
//
//   With xhat = (x - mean) * rstd and g = gamma * dy, over the D values of a row:
//     dx = rstd * (g - mean(g) - xhat * mean(g * xhat));  dgamma += sum over rows of dy * xhat;  dbeta += ... of dy
//
//   Shapes   x, y, dx, dy [R, D] (f32 | bf16, s = 4 | 2 bytes); mean, rstd [R], gamma, beta [D] f32; D <= 4096
//   Tiles    a row is held in registers by a warp (D <= 1024) or by the block of 128 threads: item of x = a row, 16 a
//            block forward, 32 backward; gamma and beta are staged in shared memory once a block
//            backward: a lane adds up its columns' dgamma and dbeta over its rows, then the warps add up; a block
//            leaves one partial sum, which ..._sum adds up: two launches
//   Access   four values a lane: 16 bytes in f32, 8 in bf16, so that gamma at the same columns is one access too
//   Traffic  forward reads sRD bytes, writes sRD; backward reads 2sRD, writes sRD and 8D bytes every 32 rows (8 % of
//            bf16), read once more
//   FLOPs    about 8RD forward, 14RD backward: memory-bound
//   Regs     115 forward, 217 backward (64 sums, a row of x and of dy), sm_80 to sm_120; no spills, no stack
//   Source   Ba et al. 2016, arXiv:1607.06450; the variance in two passes, E[x^2] - mean^2 loses digits
#include "rows.cuh"

constexpr int kForwardRows = 16, kBackwardRows = 32;

/** Copies the `cols` values to shared memory. */
__device__ inline void stage(float* shared, const float* values, int cols) {
  require_columns(cols);
  for (int i = threadIdx.x; i < cols; i += kRowThreads) shared[i] = values[i];
}

template <class T>
__device__ inline void forward(T* y, float* mean, float* rstd, const T* x, const float* gamma, const float* beta,
                               int rows, int cols, float eps) {
  __shared__ __align__(16) float scale[kMaxCols], shift[kMaxCols];
  stage(scale, gamma, cols);
  stage(shift, beta, cols);
  __syncthreads();
  with_group(cols, aligned(y, 4 * sizeof(T)) && aligned(x, 4 * sizeof(T)), [=](auto group) {
    group.template rows<kForwardRows>(rows, [=](i64 row) {
      RowValues v;
      group.get(v, x + row * cols);
      float m = group.sum_over([&](int k, int j) { return v[k][j]; }) / static_cast<float>(cols);
      float squares = group.sum_over([&](int k, int j) { return (v[k][j] - m) * (v[k][j] - m); });
      float r = 1.0f / sqrtf(squares / static_cast<float>(cols) + eps);
      if (group.lane() == 0) {
        mean[row] = m;
        rstd[row] = r;
      }
      group.units([&](int k, int c, auto unit) {
        float a[4], b[4];
        unit.get(a, scale + c);
        unit.get(b, shift + c);
        for (int j = 0; j < 4; j++) a[j] = fmaf((v[k][j] - m) * r, a[j], b[j]);
        unit.put(y + row * cols + c, a);
      });
    });
  });
}

/** The sum over the groups of a block of each lane's columns, to sums [cols]; `shared` [kMaxCols] is overwritten. */
template <class G>
__device__ inline void add_groups(float* sums, const RowValues& v, float* shared, const G& group) {
  __syncthreads();
  if constexpr (G::kGroups == 1) {
    group.units([&](int k, int c, auto unit) { unit.put(sums + c, v[k]); });
  } else {
    group.units([&](int k, int c, auto unit) { unit.put_shared(shared + group.index() * kNarrowCols + c, v[k]); });
    __syncthreads();
    for (int c = threadIdx.x; c < group.cols; c += kRowThreads) {
      float sum = shared[c];
      for (int g = 1; g < G::kGroups; g++) sum += shared[g * kNarrowCols + c];
      sums[c] = sum;
    }
  }
}

template <class T>
__device__ inline void backward(T* dx, const T* dy, const T* x, const float* gamma, const float* mean,
                                const float* rstd, int rows, int cols, float* partial) {
  __shared__ __align__(16) float shared[kMaxCols];
  stage(shared, gamma, cols);
  __syncthreads();
  bool vector =
      aligned(dx, 4 * sizeof(T)) && aligned(dy, 4 * sizeof(T)) && aligned(x, 4 * sizeof(T)) && aligned(partial, 16);
  float* scale = shared;
  with_group(cols, vector, [=](auto group) {
    RowValues dgamma = {}, dbeta = {};
    group.template rows<kBackwardRows>(rows, [&](i64 row) {
      RowValues xhat, d;
      group.get(xhat, x + row * cols);
      group.get(d, dy + row * cols);
      float m = mean[row], r = rstd[row], sum_g = 0, sum_gx = 0;
      group.units([&](int k, int c, auto unit) {
        float a[4];
        unit.get(a, scale + c);
        for (int j = 0; j < 4; j++) {
          xhat[k][j] = unit.has(j) ? (xhat[k][j] - m) * r : 0.0f;
          dgamma[k][j] = fmaf(d[k][j], xhat[k][j], dgamma[k][j]);
          dbeta[k][j] += d[k][j];
          d[k][j] *= a[j];
          sum_g += d[k][j];
          sum_gx = fmaf(d[k][j], xhat[k][j], sum_gx);
        }
      });
      float mean_g = group.sum(sum_g) / static_cast<float>(cols);
      float mean_gx = group.sum(sum_gx) / static_cast<float>(cols);
      group.units([&](int k, int c, auto unit) {
        for (int j = 0; j < 4; j++) d[k][j] = fmaf(-xhat[k][j], mean_gx, d[k][j] - mean_g) * r;
        unit.put(dx + row * cols + c, d[k]);
      });
    });
    float* sums = partial + static_cast<i64>(blockIdx.x) * 2 * cols;
    add_groups(sums, dgamma, scale, group);
    add_groups(sums + cols, dbeta, scale, group);
  });
}

// Backward leaves partial [ceil(R/32), 2, D] f32: 8 * D * ceil(R/32) bytes.
#define FAMILY(T, suffix)                                                                                     \
  SK_KERNEL(sk_layer_norm_forward_##suffix, kRowThreads, kForwardRows, 1)                                     \
  (T * y, float* mean, float* rstd, const T* x, const float* gamma, const float* beta, int rows, int cols,    \
   float eps) {                                                                                               \
    forward(y, mean, rstd, x, gamma, beta, rows, cols, eps);                                                  \
  }                                                                                                           \
  SK_KERNEL(sk_layer_norm_backward_##suffix, kRowThreads, kBackwardRows, 1)                                   \
  (T * dx, float*, float*, const T* dy, const T* x, const float* gamma, const float* mean, const float* rstd, \
   int rows, int cols, float* partial) {                                                                      \
    backward(dx, dy, x, gamma, mean, rstd, rows, cols, partial);                                              \
  }
FAMILY(float, f32)
FAMILY(bf16, bf16)

// dgamma, dbeta += the sums over the `count` = ceil(R/32) partials. Item of x: a column of both, X = 2 * D.
SK_KERNEL(sk_layer_norm_backward_sum, kSumThreads, 32, 1)
(float* dgamma, float* dbeta, const float* partial, int count, int cols) {
  float sum = sum_column(partial, count, 2 * cols);
  int column = blockIdx.x * 32 + threadIdx.x;
  if (threadIdx.x >= 32 || column >= 2 * cols) return;
  if (column < cols)
    dgamma[column] += sum;
  else
    dbeta[column - cols] += sum;
}
