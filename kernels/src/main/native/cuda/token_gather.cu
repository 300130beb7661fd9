// token_gather.cu: rows of token sequences put elsewhere: unshuffle with mask tokens, gather, mean pool, class token.
//
//   unshuffle  y[b, 0] = x[b, 0] + pos[0];  r = ids_restore[b, j];
//              y[b, 1+j] = (r < V ? x[b, 1+r] : mask_token) + pos[1+j]
//   gather     y[b, i] = x[b, 1 + ids[b, i]]
//   mean pool  y[b] = mean of x[b, 1..N-1];  class token: y[b] = x[b, 0]
//
//   Shapes     tokens f32 | bf16 (s = 4 | 2 bytes); mask_token, pos, dmask_token f32; ids i32
//   Backward   The rank of a token (ids_restore) is the inverse of the order, so each row of a gradient is found and
//              written once: no atomics, no clearing beforehand. dmask_token: one partial a sample, added up in order
//   Tiles      a warp takes 128 columns of a row at a time (256 of bf16 where rows are only copied). unshuffle forward:
//              a warp keeps its position's row of pos and the mask token in registers for eight samples. unshuffle
//              backward, mean pool: a block takes 128 columns of a sample, its eight warps take rows in turn and add up
//   Traffic    every row of an output is written once and every row of an input that counts is read once; pos and the
//              mask token once for eight samples
//   Regs       108 at most, sm_80 to sm_120; no spills, no stack
//   Source     He et al. 2021, arXiv:2111.06377, section 3 (decoder); unshuffle as in its description
#include "token_rows.cuh"

constexpr int kSamples = 8;  // that share a row of pos in registers
constexpr int kAtOnce = 4;   // rows of a warp that are in flight

template <class T>
__device__ inline void unshuffle_forward(T* y, const T* x, const float* mask_token, const float* pos,
                                         const int* ids_restore, int batch, int patches, int visible, int cols) {
  int j = blockIdx.x * kTokenWarps + warp_of(), first = blockIdx.y * kSamples;
  if (j > patches) return;
  int source[kSamples];  // row of x; -1: the mask token
#pragma unroll
  for (int i = 0; i < kSamples; i++) {
    int rank = j > 0 && first + i < batch ? ids_restore[static_cast<i64>(first + i) * patches + j - 1] : -1;
    source[i] = rank < visible ? 1 + rank : -1;
  }
  bool vector = aligned(y, 4 * sizeof(T)) && aligned(x, 4 * sizeof(T)) && aligned(mask_token, 16) && aligned(pos, 16);
  over_row<4>(cols, vector, [&](int c, auto share) {
    float p[4], mask[4], v[kSamples][4];
    share.get(p, pos + static_cast<i64>(j) * cols + c);
    share.get(mask, mask_token + c);
    const T* from = x + static_cast<i64>(first) * (visible + 1) * cols + c;
    T* to = y + (static_cast<i64>(first) * (patches + 1) + j) * cols + c;
#pragma unroll
    for (int i = 0; i < kSamples; i++) {
      for (int k = 0; k < 4; k++) v[i][k] = mask[k];
      if (source[i] >= 0 && first + i < batch)
        share.get(v[i], from + (static_cast<i64>(i) * (visible + 1) + source[i]) * cols);
    }
#pragma unroll
    for (int i = 0; i < kSamples; i++) {
      for (int k = 0; k < 4; k++) v[i][k] += p[k];
      if (first + i < batch) share.put(to + static_cast<i64>(i) * (patches + 1) * cols, v[i]);
    }
  });
}

template <class T>
__device__ inline void unshuffle_backward(T* dx, const T* dy, const int* ids_restore, int patches, int visible,
                                          int cols, float* partial) {
  __shared__ __align__(16) float part[kTokenWarps][kStrip];
  i64 b = blockIdx.x;
  const T* in = dy + b * (patches + 1) * cols;
  T* out = dx + b * (visible + 1) * cols;
  bool vector = aligned(dx, 4 * sizeof(T)) && aligned(dy, 4 * sizeof(T)) && aligned(partial, 16);
  on_strip(cols, vector, [&](int c, auto share) {
    float sum[4] = {};
    for (int first = warp_of(); first <= patches; first += kAtOnce * kTokenWarps) {
      float v[kAtOnce][4];
      int rank[kAtOnce];
#pragma unroll
      for (int i = 0; i < kAtOnce; i++) {
        int j = first + i * kTokenWarps;
        rank[i] = j > 0 && j <= patches ? ids_restore[b * patches + j - 1] : -1;
        if (j <= patches) share.get(v[i], in + static_cast<i64>(j) * cols + c);
      }
#pragma unroll
      for (int i = 0; i < kAtOnce; i++) {
        if (first + i * kTokenWarps > patches) break;
        if (rank[i] < visible)
          share.put(out + static_cast<i64>(1 + rank[i]) * cols + c, v[i]);
        else
          for (int k = 0; k < 4; k++) sum[k] += v[i][k];
      }
    }
    add_warps(sum, part);
    if (warp_of() == 0) share.put(partial + b * cols + c, sum);
  });
}

/** y[row] = x[source(row)], zeros where that is negative; a warp a row. */
template <class T, class F>
__device__ inline void move_rows(T* y, const T* x, i64 rows, int cols, F source) {
  i64 row = static_cast<i64>(blockIdx.x) * kTokenWarps + warp_of();
  if (row >= rows) return;
  i64 from = source(row);
  copy_row(y + row * cols, from < 0 ? nullptr : x + from * cols, cols, aligned(y, 16) && aligned(x, 16));
}

template <class T>
__device__ inline void mean_pool_forward(T* y, const T* x, int tokens, int cols) {
  __shared__ __align__(16) float part[kTokenWarps][kStrip];
  i64 b = blockIdx.x;
  on_strip(cols, aligned(y, 4 * sizeof(T)) && aligned(x, 4 * sizeof(T)), [&](int c, auto share) {
    float sum[4] = {};
#pragma unroll 4
    for (int i = 1 + warp_of(); i < tokens; i += kTokenWarps) {
      float v[4];
      share.get(v, x + (b * tokens + i) * cols + c);
      for (int k = 0; k < 4; k++) sum[k] += v[k];
    }
    add_warps(sum, part);
    for (float& each : sum) each /= static_cast<float>(tokens - 1);
    if (warp_of() == 0) share.put(y + b * cols + c, sum);
  });
}

template <class T>
__device__ inline void mean_pool_backward(T* dx, const T* dy, int batch, int tokens, int cols) {
  i64 row = static_cast<i64>(blockIdx.x) * kTokenWarps + warp_of(), b = row / tokens;
  if (b >= batch) return;
  over_row<4>(cols, aligned(dx, 4 * sizeof(T)) && aligned(dy, 4 * sizeof(T)), [=](int c, auto share) {
    float v[4] = {};
    if (row > b * tokens) share.get(v, dy + b * cols + c);
    for (float& each : v) each /= static_cast<float>(tokens - 1);
    share.put(dx + row * cols + c, v);
  });
}

// unshuffle_forward: item of x = a token of y (X = 1 + L), of y = a sample. unshuffle_backward: x = a sample, y = a
// column; partial [B, D] f32: 4 * B * D bytes. mean_pool_forward: x = a sample, y = a column. All others: item of x = a
// row of the output.
#define FAMILY(T, suffix)                                                                                            \
  SK_KERNEL(sk_unshuffle_forward_##suffix, kTokenThreads, kTokenWarps, kSamples)                                     \
  (T * y, const T* x, const float* mask_token, const float* pos, const int* ids_restore, int batch, int patches,     \
   int visible, int cols) {                                                                                          \
    unshuffle_forward(y, x, mask_token, pos, ids_restore, batch, patches, visible, cols);                            \
  }                                                                                                                  \
  SK_KERNEL(sk_unshuffle_backward_##suffix, kTokenThreads, 1, kStrip)                                                \
  (T * dx, float*, const T* dy, const int* ids_restore, int, int patches, int visible, int cols, float* partial) {   \
    unshuffle_backward(dx, dy, ids_restore, patches, visible, cols, partial);                                        \
  }                                                                                                                  \
  SK_KERNEL(sk_gather_tokens_forward_##suffix, kTokenThreads, kTokenWarps, 1)                                        \
  (T * y, const T* x, const int* ids, int batch, int patches, int count, int cols) {                                 \
    move_rows(y, x, static_cast<i64>(batch) * count, cols,                                                           \
              [=](i64 row) { return row / count * (patches + 1) + 1 + ids[row]; });                                  \
  }                                                                                                                  \
  SK_KERNEL(sk_gather_tokens_backward_##suffix, kTokenThreads, kTokenWarps, 1)                                       \
  (T * dx, const T* dy, const int* ids_restore, int batch, int patches, int first, int count, int cols) {            \
    move_rows(dx, dy, static_cast<i64>(batch) * (patches + 1), cols, [=](i64 row) -> i64 {                           \
      i64 b = row / (patches + 1), j = row % (patches + 1);                                                          \
      int rank = j > 0 ? ids_restore[b * patches + j - 1] - first : -1;                                              \
      return rank >= 0 && rank < count ? b * count + rank : -1;                                                      \
    });                                                                                                              \
  }                                                                                                                  \
  SK_KERNEL(sk_mean_pool_forward_##suffix, kTokenThreads, 1, kStrip)(T * y, const T* x, int, int tokens, int cols) { \
    mean_pool_forward(y, x, tokens, cols);                                                                           \
  }                                                                                                                  \
  SK_KERNEL(sk_mean_pool_backward_##suffix, kTokenThreads, kTokenWarps, 1)                                           \
  (T * dx, const T* dy, int batch, int tokens, int cols) { mean_pool_backward(dx, dy, batch, tokens, cols); }        \
  SK_KERNEL(sk_class_token_forward_##suffix, kTokenThreads, kTokenWarps, 1)                                          \
  (T * y, const T* x, int batch, int tokens, int cols) {                                                             \
    move_rows(y, x, batch, cols, [=](i64 row) { return row * tokens; });                                             \
  }                                                                                                                  \
  SK_KERNEL(sk_class_token_backward_##suffix, kTokenThreads, kTokenWarps, 1)                                         \
  (T * dx, const T* dy, int batch, int tokens, int cols) {                                                           \
    move_rows(dx, dy, static_cast<i64>(batch) * tokens, cols,                                                        \
              [=](i64 row) { return row % tokens == 0 ? row / tokens : -1; });                                       \
  }
FAMILY(float, f32)
FAMILY(bf16, bf16)

// dmask_token += the sum over the samples of partial [B, D]. Item of x: a column.
SK_KERNEL(sk_unshuffle_backward_sum, kSumThreads, 32, 1)
(float* dmask_token, const float* partial, int batch, int cols) {
  float sum = sum_column(partial, batch, cols);
  int column = blockIdx.x * 32 + threadIdx.x;
  if (threadIdx.x < 32 && column < cols) dmask_token[column] += sum;
}
