// batch_norm.cu: y = (x - mean) * rstd over the rows of each column, without affine terms, and its gradient.
//
//   rstd = 1 / sqrt(var + eps), var biased;  xhat = (x - mean) * rstd
//   dx = rstd * (dy - mean(dy) - xhat * mean(dy * xhat))
//   running = (1 - momentum) running + momentum * batch, with the unbiased variance (R - 1; 1 if R is 1)
//
//   Shapes   x, y, dx, dy [R, D] (f32 | bf16, s = 4 | 2 bytes); mean, rstd, running_mean, running_var [D] f32
//   Tiles    32 columns and 256 rows a block of 1024 threads, eight rows a thread, in registers: item of x = a column,
//            of y = a row. The first launch leaves each block's column sums, the second adds them up as needed
//   Variance in two passes inside a block (mean first), blocks joined by var += (M2 + n (block mean - mean)^2) / R
//   Traffic  forward reads 2sRD bytes, writes sRD; backward reads 4sRD, writes sRD; partials [ceil(R/256), 2, D] f32
//   FLOPs    about 6RD forward, 9RD backward: memory-bound
//   Regs     63 of the 64 that 1,024 threads leave, sm_80 to sm_120; no spills, no stack
//   Source   Ioffe and Szegedy 2015, arXiv:1502.03167; joined moments: Chan, Golub and LeVeque 1979
#include "rows.cuh"

constexpr int kThreads = 1024, kColumns = 32, kRows = 256, kHeld = kRows * kColumns / kThreads;

/** One thread's column and eight rows of a block. */
struct Tile {
  int rows, cols;
  float (*part)[32];  // shared, [32][32]
  int column = blockIdx.x * kColumns + threadIdx.x % 32, first = blockIdx.y * kRows + threadIdx.x / 32;

  __device__ int row(int i) const { return first + 32 * i; }
  __device__ bool has(int i) const { return column < cols && row(i) < rows; }
  __device__ i64 at(int i) const { return static_cast<i64>(row(i)) * cols + column; }
  template <class T>
  __device__ void get(float (&v)[kHeld], const T* x) const {
#pragma unroll
    for (int i = 0; i < kHeld; i++) v[i] = has(i) ? to_float(x[at(i)]) : 0.0f;
  }
  /** Sum over the warps of a value of this column, in every warp. */
  __device__ float sum(float v) const {
    part[threadIdx.x / 32][threadIdx.x % 32] = v;
    __syncthreads();
    v = part[0][threadIdx.x % 32];
    for (int w = 1; w < 32; w++) v += part[w][threadIdx.x % 32];
    __syncthreads();
    return v;
  }
  template <class F>
  __device__ float sum_rows(F f) const {
    float s = 0;
#pragma unroll
    for (int i = 0; i < kHeld; i++)
      if (has(i)) s += f(i);
    return sum(s);
  }
  /** The two sums of this block: partial [chunk, 2, column]. */
  __device__ void leave(float* partial, float first_sum, float second_sum) const {
    if (threadIdx.x >= 32 || column >= cols) return;
    float* to = partial + static_cast<i64>(blockIdx.y) * 2 * cols + column;
    to[0] = first_sum;
    to[cols] = second_sum;
  }
  /** Sum over the chunks of f(first, second, rows of the chunk). */
  template <class F>
  __device__ float sum_chunks(const float* partial, F f) const {
    float s = 0;
    if (column < cols)
      for (int chunk = threadIdx.x / 32; chunk * kRows < rows; chunk += 32) {
        const float* from = partial + static_cast<i64>(chunk) * 2 * cols + column;
        s += f(from[0], from[cols], rows - chunk * kRows < kRows ? rows - chunk * kRows : kRows);
      }
    return sum(s);
  }
};

template <class T>
__device__ inline void moments(const T* x, int rows, int cols, float* partial) {
  __shared__ float part[32][32];
  Tile tile{rows, cols, part};
  float v[kHeld];
  tile.get(v, x);
  int count = rows - static_cast<int>(blockIdx.y) * kRows < kRows ? rows - blockIdx.y * kRows : kRows;
  float mean = tile.sum_rows([&](int i) { return v[i]; }) / static_cast<float>(count);
  tile.leave(partial, mean, tile.sum_rows([&](int i) { return (v[i] - mean) * (v[i] - mean); }));
}

template <class T>
__device__ inline void forward(T* y, float* mean, float* rstd, float* running_mean, float* running_var, const T* x,
                               int rows, int cols, float eps, float momentum, int training, const float* partial) {
  __shared__ float part[32][32];
  Tile tile{rows, cols, part};
  float v[kHeld], m = 0, var = 1;
  tile.get(v, x);
  bool writer = blockIdx.y == 0 && threadIdx.x < 32 && tile.column < cols;
  if (training) {
    float n = static_cast<float>(rows);
    m = tile.sum_chunks(partial, [](float mean, float, int count) { return mean * static_cast<float>(count); }) / n;
    var = tile.sum_chunks(partial, [=](float mean, float squares, int count) {
      return fmaf((mean - m) * (mean - m), static_cast<float>(count), squares);
    }) / n;
    if (writer) {
      float unbiased = n / static_cast<float>(rows > 1 ? rows - 1 : 1);
      running_mean[tile.column] = fmaf(m, momentum, running_mean[tile.column] * (1 - momentum));
      running_var[tile.column] = fmaf(var, momentum * unbiased, running_var[tile.column] * (1 - momentum));
    }
  } else if (tile.column < cols) {
    m = running_mean[tile.column];
    var = running_var[tile.column];
  }
  float r = 1 / sqrtf(var + eps);
  if (writer) {
    mean[tile.column] = m;
    rstd[tile.column] = r;
  }
#pragma unroll
  for (int i = 0; i < kHeld; i++)
    if (tile.has(i)) y[tile.at(i)] = from_float<T>((v[i] - m) * r);
}

/** One thread's dy and normalised x. */
template <class T>
struct Gradient {
  float dy[kHeld], xhat[kHeld], rstd = 0;

  __device__ Gradient(const Tile& tile, const T* from_dy, const T* x, const float* means, const float* rstds) {
    tile.get(dy, from_dy);
    tile.get(xhat, x);
    float mean = tile.column < tile.cols ? means[tile.column] : 0.0f;
    rstd = tile.column < tile.cols ? rstds[tile.column] : 0.0f;
    for (float& each : xhat) each = (each - mean) * rstd;
  }
};

template <class T>
__device__ inline void sums(const T* dy, const T* x, const float* mean, const float* rstd, int rows, int cols,
                            float* partial) {
  __shared__ float part[32][32];
  Tile tile{rows, cols, part};
  Gradient<T> g(tile, dy, x, mean, rstd);
  float sum = tile.sum_rows([&](int i) { return g.dy[i]; });
  tile.leave(partial, sum, tile.sum_rows([&](int i) { return g.dy[i] * g.xhat[i]; }));
}

template <class T>
__device__ inline void backward(T* dx, const T* dy, const T* x, const float* mean, const float* rstd, int rows,
                                int cols, const float* partial) {
  __shared__ float part[32][32];
  Tile tile{rows, cols, part};
  Gradient<T> g(tile, dy, x, mean, rstd);
  float n = static_cast<float>(rows);
  float mean_dy = tile.sum_chunks(partial, [](float sum, float, int) { return sum; }) / n;
  float mean_dyx = tile.sum_chunks(partial, [](float, float sum, int) { return sum; }) / n;
#pragma unroll
  for (int i = 0; i < kHeld; i++)
    if (tile.has(i)) dx[tile.at(i)] = from_float<T>(fmaf(-g.xhat[i], mean_dyx, g.dy[i] - mean_dy) * g.rstd);
}

// partial: 8 * D * ceil(R/256) bytes. ..._moments is launched first if training is 1; else partial is not looked at.
// ..._sums is launched before ..._backward. All four have the same geometry.
#define FAMILY(T, suffix)                                                                                             \
  SK_KERNEL(sk_batch_norm_moments_##suffix, kThreads, kColumns, kRows)                                                \
  (const T* x, int rows, int cols, float* partial) { moments(x, rows, cols, partial); }                               \
  SK_KERNEL(sk_batch_norm_forward_##suffix, kThreads, kColumns, kRows)                                                \
  (T * y, float* mean, float* rstd, float* running_mean, float* running_var, const T* x, int rows, int cols,          \
   float eps, float momentum, int training, const float* partial) {                                                   \
    forward(y, mean, rstd, running_mean, running_var, x, rows, cols, eps, momentum, training, partial);               \
  }                                                                                                                   \
  SK_KERNEL(sk_batch_norm_sums_##suffix, kThreads, kColumns, kRows)                                                   \
  (const T* dy, const T* x, const float* mean, const float* rstd, int rows, int cols, float* partial) {               \
    sums(dy, x, mean, rstd, rows, cols, partial);                                                                     \
  }                                                                                                                   \
  SK_KERNEL(sk_batch_norm_backward_##suffix, kThreads, kColumns, kRows)                                               \
  (T * dx, const T* dy, const T* x, const float* mean, const float* rstd, int rows, int cols, const float* partial) { \
    backward(dx, dy, x, mean, rstd, rows, cols, partial);                                                             \
  }
FAMILY(float, f32)
FAMILY(bf16, bf16)
