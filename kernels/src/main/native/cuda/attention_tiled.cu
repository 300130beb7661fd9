// attention_tiled.cu: attention and its gradient where a head does not fit shared memory: any N, tiles of kRows tokens.
//
//   Shapes   as attention.cu
//   Variant  _tiled_d<d> with the smallest d >= Dh: kRows = 64 tokens and 4 warps a block (f32 at d128: 32 and 2)
//   Launch   grid: x tokens (kRows of them an item), y heads, z images; shared memory fits every architecture (99 KB)
//   Forward  a block has kRows queries and walks the key tiles, the next one under way meanwhile; a row's maximum, sum
//            and output are rescaled from tile to tile (Milakov and Gimelshein 2018, arXiv:1805.02867)
//   Backward a block walks the keys for dq of its queries, then the queries for dk and dv of its keys: 7 products
//            instead of 5, but one launch, no atomics, no workspace, a fixed order of sums
//   Traffic  forward reads q once, k and v ceil(N/kRows) times; backward reads q, dout and out once more than that, k
//            and v as the forward: tiles after the first reading come from L2
//   FLOPs    4 N^2 Dh forward, 14 N^2 Dh backward
#include "attention_keys.cuh"

namespace attention {

/** Shared memory of forward_tiled: q, then k, v twice. */
template <class T, int kRows, int kD>
struct TiledPlan : Shape<T, kRows, kD> {
  static constexpr int kBytes = 5 * Shape<T, kRows, kD>::kTile;
};

/** s becomes exp2(scale2 * s - peak) with the peak of all tiles so far; sum and y are rescaled to it. */
template <int kTiles, int kCols>
__device__ inline void add_exponentials(float (&s)[kTiles][4], float (&peak)[2], float (&sum)[2],
                                        float (&y)[1][kCols][4], float scale2) {
#pragma unroll
  for (int half = 0; half < 2; half++) {
    float most = s[0][2 * half];
#pragma unroll
    for (int j = 0; j < kTiles; j++) most = fmaxf(most, fmaxf(s[j][2 * half], s[j][2 * half + 1]));
    most = fmaxf(peak[half], quad_max(most) * scale2);
    const float factor = exp2_of(peak[half] - most);
    peak[half] = most;
    sum[half] *= factor;
#pragma unroll
    for (int j = 0; j < kCols; j++) {
      y[0][j][2 * half] *= factor;
      y[0][j][2 * half + 1] *= factor;
    }
  }
#pragma unroll
  for (int i = 0; i < kTiles * 4; i++) {
    float& value = s[i / 4][i % 4];
    value = exp2_of(fmaf(value, scale2, -peak[i / 2 % 2]));
    sum[i / 2 % 2] += value;
  }
}

/** Starts to fetch k and v of a tile of tokens to `tile` and behind. */
template <class T, int kRows, int kD>
__device__ inline void load_keys(u32 tile, const T* qkv, const Head<T>& h) {
  typedef Shape<T, kRows, kD> S;
  for (int part = 1; part < 3; part++)
    load_tile<T, S::kChunks, kRows, kRows * 2>(tile + (part - 1) * S::kTile, qkv + h.at + part * h.part, h.stride,
                                               h.tokens, h.size, h.whole);
}

/** Starts to fetch q, and dout if it is not null, 3 tiles behind. */
template <class T, int kRows, int kD>
__device__ inline void load_queries(u32 tile, const T* qkv, const T* dout, const Head<T>& h) {
  typedef Shape<T, kRows, kD> S;
  load_tile<T, S::kChunks, kRows, kRows * 2>(tile, qkv + h.at, h.stride, h.tokens, h.size, h.whole);
  if (dout != nullptr)
    load_tile<T, S::kChunks, kRows, kRows * 2>(tile + 3 * S::kTile, dout + h.out_at, h.out_stride, h.tokens, h.size,
                                               h.whole);
}

template <class T, int kRows, int kD>
__device__ inline void forward_tiled(T* out, float* lse, const T* qkv, int tokens, int heads, int size) {
  typedef Shape<T, kRows, kD> S;
  constexpr int kC = S::kChunks;
  const Head<T> all(tokens, heads, size, bits(qkv) | bits(out));
  const u32 q = shared_memory();
  const int first = threadIdx.x / 32 * 16;
  const Head<T> own = all.from(blockIdx.x * kRows), h = own.from(first);
  load_queries<T, kRows, kD>(q, qkv, static_cast<const T*>(nullptr), own);
  load_keys<T, kRows, kD>(q + S::kTile, qkv, all);
  commit_copies();

  const Lane<kC> rows = rows_lane<kC>(q).down(first), pairs = pair_lane<kC>(q);
  float y[1][kD / 8][4], peak[2] = {-infinity(), -infinity()}, sum[2] = {0, 0};
  clear(y);
#pragma unroll 1
  for (int key = 0; key < tokens; key += kRows) {
    const int turn = key / kRows & 1;
    if (key + kRows < tokens) load_keys<T, kRows, kD>(q + (turn ? 1 : 3) * S::kTile, qkv, all.from(key + kRows));
    commit_copies();
    wait_copies<1>();
    __syncthreads();
    if (h.tokens > 0) {
      float s[1][S::kTiles][4];
      clear(s);
      multiply_rows<T>(s, rows, pairs.down(turn * 2 * kRows), 0, S::kTile);
      mask_columns(s[0], tokens - key);
      add_exponentials(s[0], peak, sum, y, h.scale2);
      const Cols<T, kC> cols(q + turn * 2 * S::kTile);
      multiply_scores<S::kSteps>(y, s[0], cols, 2 * S::kTile);
    }
    __syncthreads();
  }
  sum[0] = quad_sum(sum[0]);
  sum[1] = quad_sum(sum[1]);
  store_rows(out + h.out_at, h.out_stride, h.tokens, size, h.whole, y[0], 1 / sum[0], 1 / sum[1]);
  if (lse != nullptr) store_lse(lse, h, peak, sum);
}

template <class T, int kRows, int kD>
__device__ inline void store_statistics(u32 q, const T* out, const T* dout, const float* lse, const Head<T>& h) {
  typedef KeysPlan<T, kRows, kD> S;
  typedef RowDot<T, S::kChunks, kRows, kRows * 2> Dot;
#pragma unroll 1
  for (int pass = 0; pass < Dot::kPasses; pass++) {
    Dot dot;
    dot.load(pass, out, h);
    dot.store(pass, q + S::kStatistics, q + 3 * S::kTile, out, dout, lse, h);
  }
}

/** dq += dS k for the 16 queries of h and the key tile in shared memory, of whose keys `keys` exist. */
template <class T, int kRows, int kD>
__device__ inline void add_dq(float (&dq)[1][kD / 8][4], u32 q, const Head<T>& h, int first, int keys) {
  typedef KeysPlan<T, kRows, kD> S;
  constexpr int kC = S::kChunks;
  const Lane<kC> rows = rows_lane<kC>(q).down(first), pairs = pair_lane<kC>(q);
  float p[1][S::kTiles][4], ds[1][S::kTiles][4], statistics[2][2];
  for (int half = 0; half < 2; half++)
    for (int i = 0; i < 2; i++)
      statistics[half][i] =
          __uint_as_float(load_word(q + S::kStatistics + (first + 8 * half + (lane_id() >> 2)) * 8 + 4 * i));
  clear(p);
  multiply_rows<T>(p, rows, pairs, 0, S::kTile);
  mask_columns(p[0], keys);
  clear(ds);
  multiply_rows<T>(ds, rows, pairs, 3 * S::kTile, 2 * S::kTile);
#pragma unroll
  for (int i = 0; i < S::kTiles * 4; i++) {
    float& value = ds[0][i / 4][i % 4];
    const float(&of_row)[2] = statistics[i / 2 % 2];
    value = exp2_of(fmaf(p[0][i / 4][i % 4], h.scale2, -of_row[0])) * fmaf(value, h.scale, -of_row[1]);
  }
  const Cols<T, kC> cols(q);
  multiply_scores<S::kSteps>(dq, ds[0], cols, S::kTile);
}

template <class T, int kRows, int kD>
__device__ inline void backward_tiled(T* dqkv, const T* dout, const T* qkv, const T* out, const float* lse, int tokens,
                                      int heads, int size) {
  typedef KeysPlan<T, kRows, kD> S;
  const Head<T> all(tokens, heads, size, bits(qkv) | bits(dout) | bits(dqkv) | bits(out));
  const u32 q = shared_memory();
  const int first = threadIdx.x / 32 * 16;
  const Head<T> own = all.from(blockIdx.x * kRows), mine = own.from(first);

  load_queries<T, kRows, kD>(q, qkv, dout, own);
  float dq[1][kD / 8][4];
  clear(dq);
#pragma unroll 1
  for (int key = 0; key < tokens; key += kRows) {
    load_keys<T, kRows, kD>(q + S::kTile, qkv, all.from(key));
    commit_copies();
    wait_copies<0>();
    __syncthreads();
    if (key == 0) {
      store_statistics<T, kRows, kD>(q, out, dout, lse, own);
      __syncthreads();
    }
    if (mine.tokens > 0) add_dq<T, kRows, kD>(dq, q, mine, first, tokens - key);
    __syncthreads();
  }
  store_rows(dqkv + mine.at, mine.stride, mine.tokens, size, mine.whole, dq[0], 1, 1);

  KeyTiles<T, kRows, kD, 1> keys(q, first);
  load_keys<T, kRows, kD>(q + S::kTile, qkv, own);
#pragma unroll 1
  for (int query = 0; query < tokens; query += kRows) {
    const Head<T> others = all.from(query);
    load_queries<T, kRows, kD>(q, qkv, dout, others);
    commit_copies();
    wait_copies<0>();
    __syncthreads();
    store_statistics<T, kRows, kD>(q, out, dout, lse, others);
    __syncthreads();
    if (mine.tokens > 0)
#pragma unroll 1
      for (int i = 0; i < kRows && i < others.tokens; i += 16) {
        float ds[1][2][4];
        keys.add_products(ds, own, i);
      }
    __syncthreads();
  }
  keys.store(dqkv, own);
}

}  // namespace attention

#define SK_ATTENTION_TILED(T, ROWS, D)                                                                             \
  extern "C" __global__ void __launch_bounds__(ROWS * 2, 1) sk_attention_forward_##T##_tiled_d##D(                 \
      T* out, float* lse, const T* qkv, int batch, int tokens, int heads, int head_size) {                         \
    attention::forward_tiled<T, ROWS, D>(out, lse, qkv, tokens, heads, head_size);                                 \
  }                                                                                                                \
  SK_LAUNCH(sk_attention_forward_##T##_tiled_d##D, ROWS * 2, ROWS, 1, (attention::TiledPlan<T, ROWS, D>::kBytes))  \
  extern "C" __global__ void __launch_bounds__(ROWS * 2, 1)                                                        \
      sk_attention_backward_##T##_tiled_d##D(T* dqkv, const T* dout, const T* qkv, const T* out, const float* lse, \
                                             int batch, int tokens, int heads, int head_size) {                    \
    attention::backward_tiled<T, ROWS, D>(dqkv, dout, qkv, out, lse, tokens, heads, head_size);                    \
  }                                                                                                                \
  SK_LAUNCH(sk_attention_backward_##T##_tiled_d##D, ROWS * 2, ROWS, 1, (attention::KeysPlan<T, ROWS, D>::kSlabs))

typedef float f32;
SK_ATTENTION_TILED(bf16, 64, 32)
SK_ATTENTION_TILED(bf16, 64, 64)
SK_ATTENTION_TILED(bf16, 64, 80)
SK_ATTENTION_TILED(bf16, 64, 128)
SK_ATTENTION_TILED(f32, 64, 32)
SK_ATTENTION_TILED(f32, 64, 64)
SK_ATTENTION_TILED(f32, 32, 128)
