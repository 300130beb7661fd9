// attention_backward.cuh: the gradient where a warp can hold 16 whole rows of S and of dP (n56).
//
//   S = q k^T and the softmax anew, dP = dout v^T, D = rowsum(P dP), dS = scale P (dP - D), all in registers; dq = dS k
//   straight from them. P and dS go to shared memory once (P over v, which is done with), for dv = P^T dout and
//   dk = dS^T q, whose warps own keys. Seven tensors moved: q, k, v, dout, dq, dk, dv.
#pragma once
#include "attention_rows.cuh"

namespace attention {

/** A matrix of scores [queries][keys] in shared memory: accumulators go in, transposed A operands come out. */
template <class T, int kChunks>
struct ScoreTile;

template <int kChunks>
struct ScoreTile<bf16, kChunks> {
  Lane<kChunks> lane;  // row g, its words t

  __device__ ScoreTile(u32 tile, int row) : lane(tile, row + (lane_id() >> 2), 0) {
    lane.address += (lane_id() & 3) * 4;
  }
  __device__ void store(int j, const float (&c)[4]) const {
    store_word(lane.chunk(j), pack(c[0], c[1]));
    store_word(lane.chunk(j) + 8 * kChunks * 16, pack(c[2], c[3]));
  }
};

template <int kChunks>
struct ScoreTile<float, kChunks> {
  Lane<kChunks> lane;  // row g, columns 2t, 2t+1

  __device__ ScoreTile(u32 tile, int row) : lane(tile, row + (lane_id() >> 2), lane_id() >> 1 & 1) {
    lane.address += (lane_id() & 1) * 8;
  }
  /** Neighbouring rows share chunks: odd ones store their second column first, so that no bank is asked twice. */
  __device__ void store(int j, const float (&c)[4]) const {
    const u32 odd = lane_id() >> 2 & 1;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      u32 at = lane.at(j) + half * 8 * kChunks * 16;
      float a = c[2 * half], b = c[2 * half + 1];
      store_word(at + 4 * odd, __float_as_uint(odd ? b : a));
      store_word(at + 4 * (1 - odd), __float_as_uint(odd ? a : b));
    }
  }
};

/** Shared memory of backward_rows: q, k, v, dout, dS; P lies on v where that is large enough. */
template <class T, int kN, int kD>
struct RowsPlan : Shape<T, kN, kD> {
  typedef Shape<T, kN, kD> S;
  static constexpr int kScoreChunks = S::kRows * sizeof(T) / 16, kScores = S::kRows * kScoreChunks * 16;
  static constexpr bool kOverlay = kScores <= S::kTile;
  static constexpr int kBytes = 4 * S::kTile + (kOverlay ? 1 : 2) * kScores;
};

/** A warp has 16 whole rows of scores, so it finds P and rowsum(P dP) anew: neither out nor lse is read. */
template <class T, int kN, int kD, int kWarps>
__device__ inline void backward_rows(T* dqkv, const T* dout, const T* qkv, int tokens, int heads, int size) {
  typedef RowsPlan<T, kN, kD> S;
  constexpr int kThreads = kWarps * 32, kC = S::kChunks, kTiles = S::kTiles;
  static_assert(kWarps * 16 >= S::kRows, "a warp for every 16 rows");
  const Head<T> h(tokens, heads, size, bits(qkv) | bits(dout) | bits(dqkv));
  const u32 q = shared_memory(), ds_tile = q + 4 * S::kTile;
  const u32 p_tile = S::kOverlay ? q + 2 * S::kTile : ds_tile + S::kScores;
#pragma unroll
  for (int part = 0; part < 3; part++)
    load_tile<T, kC, S::kRows, kThreads>(q + part * S::kTile, qkv + h.at + part * h.part, h.stride, tokens, size,
                                         h.whole);
  load_tile<T, kC, S::kRows, kThreads>(q + 3 * S::kTile, dout + h.out_at, h.out_stride, tokens, size, h.whole);
  commit_copies();
  wait_copies<0>();
  __syncthreads();

  const int first = threadIdx.x / 32 * 16;
  const bool active = first < tokens;
  float p[1][kTiles][4], ds[1][kTiles][4];
  if (active) {
    const Lane<kC> rows = rows_lane<kC>(q).down(first), pairs = pair_lane<kC>(q);
    float peak[2], sum[2], dot[2] = {0, 0};
    clear(p);
    multiply_rows<T>(p, rows, pairs, 0, S::kTile);
    mask_columns(p[0], tokens);
    exponentials(p[0], peak, sum, h.scale2);
    clear(ds);
    multiply_rows<T>(ds, rows, pairs, 3 * S::kTile, 2 * S::kTile);
    const float inverse[2] = {1 / sum[0], 1 / sum[1]};
#pragma unroll
    for (int i = 0; i < kTiles * 4; i++) {
      float& value = p[0][i / 4][i % 4];
      value *= inverse[i / 2 % 2];
      dot[i / 2 % 2] += value * ds[0][i / 4][i % 4];
    }
    dot[0] = quad_sum(dot[0]) * h.scale;
    dot[1] = quad_sum(dot[1]) * h.scale;
#pragma unroll
    for (int i = 0; i < kTiles * 4; i++) {
      float& value = ds[0][i / 4][i % 4];
      value = p[0][i / 4][i % 4] * fmaf(value, h.scale, -dot[i / 2 % 2]);
    }
  }
  if (S::kOverlay) __syncthreads();
  if (active) {
    const ScoreTile<T, S::kScoreChunks> p_rows(p_tile, first), ds_rows(ds_tile, first);
#pragma unroll
    for (int j = 0; j < kTiles; j++) {
      p_rows.store(j, p[0][j]);
      ds_rows.store(j, ds[0][j]);
    }
    if (kTiles * 8 < S::kRows) {
      const float zeros[4] = {};
      p_rows.store(kTiles, zeros);
      ds_rows.store(kTiles, zeros);
    }
    const Cols<T, kC> cols(q);
    float dq[1][kD / 8][4];
    clear(dq);
    multiply_scores<S::kSteps>(dq, ds[0], cols, S::kTile);
    store_rows(dqkv + h.at + first * h.stride, h.stride, tokens - first, size, h.whole, dq[0], 1, 1);
  }
  __syncthreads();
  if (!active) return;
  typedef Cols<T, S::kScoreChunks> Scores;
#pragma unroll
  for (int part = 2; part > 0; part--) {  // dv = P^T dout, dk = dS^T q: keys [first, first + 16)
    const Scores scores(part == 2 ? p_tile : ds_tile);
    const Cols<T, kC> cols(q);
    float d[1][kD / 8][4];
    clear(d);
#pragma unroll
    for (int step = 0; step < S::kRows / Scores::kStep; step++) {
      if (step * Scores::kStep >= tokens) break;
      Fragment<T> a[1];
      scores.load_transposed(a[0], step, first / 16);
      multiply_cols(d, a, cols, step, part == 2 ? 3 * S::kTile : 0);
    }
    store_rows(dqkv + h.at + part * h.part + first * h.stride, h.stride, tokens - first, size, h.whole, d[0], 1, 1);
  }
}

}  // namespace attention
