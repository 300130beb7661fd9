// attention_rows.cuh: the rows of a head between global memory, tiles and fragments, and the softmax of whole rows.
#pragma once
#include "attention_tiles.cuh"

namespace attention {

__device__ constexpr int round_up(int n, int unit) { return (n + unit - 1) / unit * unit; }

/** Shapes of a kernel for up to kN tokens and head sizes up to kD. */
template <class T, int kN, int kD>
struct Shape {
  static constexpr int kTiles = kN / 8, kRows = round_up(kN, 16), kChunks = kD * sizeof(T) / 16;
  static constexpr int kTile = kRows * kChunks * 16;                            // bytes of q, k, v or dout
  static constexpr int kSteps = round_up(kN, 32 / sizeof(T)) * sizeof(T) / 32;  // of a sum over keys
};

/** %ctaid.y and .z; volatile, so that a Head made anew where it is needed holds no registers in between. */
__device__ inline u32 block_head() {
  u32 v;
  asm volatile("mov.u32 %0, %%ctaid.y;" : "=r"(v));
  return v;
}

__device__ inline u32 block_image() {
  u32 v;
  asm volatile("mov.u32 %0, %%ctaid.z;" : "=r"(v));
  return v;
}

/** The head that a block works on: rows `stride` (packed qkv) or `out_stride` values apart. */
template <class T>
struct Head {
  i64 row, at, out_at, statistic;  // of the image's first row: in all, of q, of out, of lse
  int tokens, size, part, stride, out_stride;
  float scale, scale2;  // 1/sqrt(Dh), and times log2(e)
  bool whole;           // rows are whole chunks of 16 bytes, aligned

  __device__ Head(int tokens, int heads, int size, unsigned long long pointers) : tokens(tokens), size(size) {
    part = heads * size;
    stride = 3 * part;
    out_stride = part;
    i64 image = block_image();
    int head = block_head();
    at = image * tokens * stride + head * size;
    out_at = image * tokens * out_stride + head * size;
    statistic = (image * heads + head) * tokens;
    scale = rsqrtf(static_cast<float>(size));
    scale2 = scale * kLog2e;
    whole = ((pointers | size * sizeof(T)) & 15) == 0;
  }

  /** The head as seen from row `row` on. */
  __device__ Head from(int row) const {
    Head head = *this;
    head.tokens -= row;
    head.at += row * stride;
    head.out_at += row * out_stride;
    head.statistic += row;
    return head;
  }
};

__device__ inline unsigned long long bits(const void* p) { return reinterpret_cast<unsigned long long>(p); }

__device__ inline u32 value_bits(bf16 v) { return __bfloat16_as_ushort(v); }
__device__ inline u32 value_bits(float v) { return __float_as_uint(v); }

/** One chunk of a row, value by value, zeros from `count` values on. */
template <class T>
__device__ inline void load_values(u32 (&chunk)[4], const T* x, int count) {
  constexpr int kValues = 16 / sizeof(T), kInWord = 4 / sizeof(T);
#pragma unroll
  for (int w = 0; w < 4; w++) chunk[w] = 0;
#pragma unroll
  for (int i = 0; i < kValues; i++)
    if (i < count) chunk[i / kInWord] |= value_bits(x[i]) << (i % kInWord * 16);
}

/**
 * Fills kRows rows of a tile with the rows of x of which `rows` exist, zeros elsewhere: by asynchronous copies if rows
 * are whole chunks, else value by value.
 */
template <class T, int kChunks, int kRows, int kThreads>
__device__ inline void load_tile(u32 tile, const T* x, int stride, int rows, int size, bool whole) {
  constexpr int kValues = 16 / sizeof(T), kSpan = kThreads / kChunks;
  if (whole && kThreads % kChunks == 0 && kSpan % 8 == 0) {  // a thread stays in its column and in its swizzle
    const int row = threadIdx.x / kChunks, chunk = threadIdx.x % kChunks;
    const int count = chunk * kValues < size ? rows - row : 0;
    const i64 step = static_cast<i64>(kSpan) * stride;
    const T* from = x + row * stride + chunk * kValues;
    const u32 to = Lane<kChunks>(tile, row, chunk & 1).at(chunk >> 1);
#pragma unroll
    for (int i = 0; i < kRows; i += kSpan, from += step)
      if (i + kSpan <= kRows || row + i < kRows) copy_chunk(to + i * kChunks * 16, from, i < count);
    return;
  }
#pragma unroll 1
  for (int i = threadIdx.x; i < kRows * kChunks; i += kThreads) {
    const int row = i / kChunks, chunk = i % kChunks;
    const bool valid = row < rows && chunk * kValues < size;
    const T* from = valid ? x + row * stride + chunk * kValues : x;
    const u32 to = Lane<kChunks>(tile, row, chunk & 1).at(chunk >> 1);
    if (whole) {
      copy_chunk(to, from, valid);
    } else {
      u32 values[4];
      load_values(values, from, valid ? size - chunk * kValues : 0);
      store_chunk(to, values);
    }
  }
}

__device__ inline void store_pair(bf16* y, float a, float b) { *reinterpret_cast<u32*>(y) = pack(a, b); }
__device__ inline void store_pair(float* y, float a, float b) { *reinterpret_cast<float2*>(y) = make_float2(a, b); }

/** Columns 2t..2t+1 of two column tiles become columns 4(t/2)..+3 of tile t % 2: 8 bytes a lane, a quad stores a
 * sector. */
__device__ inline void store_quad(bf16* y, bool valid, u32 first, u32 second) {
  const bool odd = threadIdx.x & 1;
  u32 other = __shfl_xor_sync(0xffffffffu, odd ? first : second, 1);
  if (valid) *reinterpret_cast<uint2*>(y) = odd ? make_uint2(other, second) : make_uint2(first, other);
}

template <int kTiles>
__device__ inline void store_whole_rows(bf16* y, int stride, int rows, int size, const float (&c)[kTiles][4],
                                        float scale0, float scale1) {
  const int g = lane_id() >> 2, t = lane_id() & 3, col = 8 * (t & 1) + 2 * (t & 2);
  y += g * stride + col;
#pragma unroll
  for (int j = 0; j < kTiles; j += 2) {
    const float(&a)[4] = c[j];
    const float(&b)[4] = c[j + 1];
    bool used = 8 * j + col < size;
    store_quad(y + 8 * j, used && g < rows, pack(a[0] * scale0, a[1] * scale0), pack(b[0] * scale0, b[1] * scale0));
    store_quad(y + 8 * j + 8 * stride, used && g + 8 < rows, pack(a[2] * scale1, a[3] * scale1),
               pack(b[2] * scale1, b[3] * scale1));
  }
}

template <int kTiles>
__device__ inline void store_whole_rows(float* y, int stride, int rows, int size, const float (&c)[kTiles][4],
                                        float scale0, float scale1) {
  const int g = lane_id() >> 2, col = 2 * (lane_id() & 3);
  y += g * stride + col;
#pragma unroll
  for (int j = 0; j < kTiles; j++) {
    bool used = 8 * j + col < size;
    if (used && g < rows) *reinterpret_cast<float2*>(y + 8 * j) = make_float2(c[j][0] * scale0, c[j][1] * scale0);
    if (used && g + 8 < rows)
      *reinterpret_cast<float2*>(y + 8 * j + 8 * stride) = make_float2(c[j][2] * scale1, c[j][3] * scale1);
  }
}

/** Rows g, g+8 of accumulators times their scales to y; of y's rows and columns `rows` and `size` exist. */
template <class T, int kTiles>
__device__ inline void store_rows(T* y, int stride, int rows, int size, bool whole, const float (&c)[kTiles][4],
                                  float scale0, float scale1) {
  if (whole) {
    store_whole_rows(y, stride, rows, size, c, scale0, scale1);
    return;
  }
  const int g = lane_id() >> 2, t = lane_id() & 3;
#pragma unroll
  for (int j = 0; j < kTiles; j++)
#pragma unroll
    for (int e = 0; e < 4; e++) {
      int row = g + e / 2 * 8, col = 8 * j + 2 * t + e % 2;
      if (row < rows && col < size) y[row * stride + col] = from_float<T>(c[j][e] * (e < 2 ? scale0 : scale1));
    }
}

template <int kMany, int kTiles>
__device__ inline void clear(float (&c)[kMany][kTiles][4]) {
#pragma unroll
  for (int i = 0; i < kMany * kTiles * 4; i++) c[i / 4 / kTiles][i / 4 % kTiles][i % 4] = 0;
}

template <int kFrom, int kTo, int kTiles>
__device__ inline void mask_tiles(float (&s)[kTiles][4], int columns) {
  const int left = columns - 2 * static_cast<int>(lane_id() & 3);
#pragma unroll
  for (int j = kFrom; j < kTo; j++)
#pragma unroll
    for (int e = 0; e < 4; e++)
      if (8 * j + e % 2 >= left) s[j][e] = -infinity();
}

/** Scores of columns >= `columns` become -infinity. The last tile first: it is often the only one concerned. */
template <int kTiles>
__device__ inline void mask_columns(float (&s)[kTiles][4], int columns) {
  mask_tiles<kTiles - 1, kTiles>(s, columns);
  if (columns <= 8 * (kTiles - 1)) mask_tiles<0, kTiles - 1>(s, columns);
}

/** s becomes exp2(scale2 * (s - max)) in rows g (peak[0], sum[0]) and g+8; peak is that of scale2 * s. */
template <int kTiles>
__device__ inline void exponentials(float (&s)[kTiles][4], float (&peak)[2], float (&sum)[2], float scale2) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float most = fmaxf(s[0][2 * half], s[0][2 * half + 1]);
#pragma unroll
    for (int j = 1; j < kTiles; j++) most = fmaxf(most, fmaxf(s[j][2 * half], s[j][2 * half + 1]));
    peak[half] = quad_max(most) * scale2;
    sum[half] = 0;
  }
#pragma unroll
  for (int j = 0; j < kTiles; j++)
#pragma unroll
    for (int e = 0; e < 4; e++) {
      s[j][e] = exp2_of(fmaf(s[j][e], scale2, -peak[e / 2]));
      sum[e / 2] += s[j][e];
    }
  sum[0] = quad_sum(sum[0]);
  sum[1] = quad_sum(sum[1]);
}

/** lse of rows g, g+8 of 16. */
template <class T>
__device__ inline void store_lse(float* lse, const Head<T>& h, const float (&peak)[2], const float (&sum)[2]) {
  const int half = lane_id() & 1, row = static_cast<int>(lane_id() >> 2) + 8 * half;
  if ((lane_id() & 3) < 2 && row < h.tokens)
    lse[h.statistic + row] = (half ? peak[1] + log2_of(sum[1]) : peak[0] + log2_of(sum[0])) * kLn2;
}

}  // namespace attention
