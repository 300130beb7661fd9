// attention_statistics.cuh: what the gradient needs of each query: {log2(e) lse, scale * rowsum(dout out)}.
#pragma once
#include "attention_rows.cuh"

namespace attention {

__device__ inline float dot_words(bf16, u32 a, u32 b) {
  return __uint_as_float(a << 16) * __uint_as_float(b << 16) +
         __uint_as_float(a & 0xffff0000) * __uint_as_float(b & 0xffff0000);
}
__device__ inline float dot_words(float, u32 a, u32 b) { return __uint_as_float(a) * __uint_as_float(b); }

template <class T>
__device__ inline float dot_chunks(const uint4& a, const uint4& b) {
  return (dot_words(T(), a.x, b.x) + dot_words(T(), a.y, b.y)) + (dot_words(T(), a.z, b.z) + dot_words(T(), a.w, b.w));
}

/** A lane's part of a quad's rowsum(dout out), value by value. */
template <class T>
__device__ inline float row_part(const T* out, const T* dout, const Head<T>& h, int row) {
  float sum = 0;
  for (int d = threadIdx.x & 3; d < h.size && row < h.tokens; d += 4)
    sum += to_float(out[row * h.out_stride + d]) * to_float(dout[row * h.out_stride + d]);
  return sum;
}

/**
 * rowsum(dout out) of one row a quad: out comes from global memory, while the tiles are under way, dout from its tile.
 * Odd rows begin kTurn chunks later: with even ones they then meet in no bank.
 */
template <class T, int kChunks, int kRows, int kThreads>
struct RowDot {
  static constexpr int kValues = 16 / sizeof(T), kPasses = round_up(kRows, kThreads / 4) / (kThreads / 4);
  static constexpr int kEach = round_up(kChunks, 4) / 4, kTurn = kChunks % 8 == 0 ? 4 : kChunks % 4 == 0 ? 0 : 2;
  uint4 out[kEach];

  __device__ static int row(int pass) { return pass * (kThreads / 4) + threadIdx.x / 4; }
  /** The chunk that a lane takes i-th; kChunks: none. */
  __device__ static int chunk(int row, int i) {
    int c = 4 * i + (threadIdx.x & 3);
    if (c >= kChunks) return kChunks;
    c += (row & 1) * kTurn;
    return c < kChunks ? c : c - kChunks;
  }
  /** Begins to fetch out, if its rows are whole chunks. */
  __device__ void load(int pass, const T* x, const Head<T>& h) {
    const int r = row(pass);
#pragma unroll
    for (int i = 0; i < kEach; i++) {
      const int c = chunk(r, i);
      out[i] = make_uint4(0, 0, 0, 0);
      if (h.whole && r < h.tokens && c * kValues < h.size)
        out[i] = *reinterpret_cast<const uint4*>(x + h.out_at + r * h.out_stride + c * kValues);
    }
  }
  /** Writes the row's statistics; those of a row that does not exist make P = 0. `tile` holds dout. */
  __device__ void store(int pass, u32 statistics, u32 tile, const T* x, const T* dx, const float* lse,
                        const Head<T>& h) const {
    const int r = row(pass);
    float sum = 0;
    if (h.whole) {
#pragma unroll
      for (int i = 0; i < kEach; i++) {
        const int c = chunk(r, i);
        if (r < kRows && c < kChunks) sum += dot_chunks<T>(out[i], load_chunk(Lane<kChunks>(tile, r, 0).chunk(c)));
      }
    } else {
      sum = row_part(x + h.out_at, dx + h.out_at, h, r);
    }
    sum = quad_sum(sum);
    if (r < kRows && (threadIdx.x & 3) == 0)
      store_float2(statistics + r * 8, r < h.tokens ? lse[h.statistic + r] * kLog2e : infinity(), sum * h.scale);
  }
};

}  // namespace attention
