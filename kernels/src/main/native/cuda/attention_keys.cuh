// attention_keys.cuh: the gradient where whole rows of S and dP are too many registers: a warp owns keys and walks the
// queries, 16 at a time.
//
//   S^T = k q^T and dP^T = v dout^T, 16 queries wide, stay in registers and serve as A operands as they are:
//   dv += P^T dout, dk += dS^T q. dS alone goes through shared memory, for dq = dS k, which needs all keys. P comes
//   from lse and D = rowsum(dout out) from out, both found at the start: eight tensors moved and lse. Registers decide
//   the shape: dk and dv of a warp's keys take kMany * kD of them, so two key tiles a warp at Dh = 32, one above (bf16,
//   n200 d32: 7 warps x 2; d64 and d80: 13 x 1).
#pragma once
#include "attention_statistics.cuh"

namespace attention {

/** dS of 16 queries against all keys, in the order in which accumulators [keys][queries] come and A operands go. */
template <class T, int kRows>
struct Slab;

template <int kRows>
struct Slab<bf16, kRows> {  // [keys][16 queries]
  static constexpr int kBytes = kRows * 32;
  Lane<2> in;  // of row `key`, its words
  Cols<bf16, 2> out;

  __device__ Slab(u32 slab, int key) : in(slab, key + (lane_id() >> 2), 0), out(slab) {
    in.address += (lane_id() & 3) * 4;
  }
  /** Accumulators of keys [key + 16 m, key + 16 m + 16) and 16 queries. */
  __device__ void store(int m, const float (&c)[2][4], u32 offset) const {
#pragma unroll
    for (int i = 0; i < 4; i++)
      store_word(in.chunk(i / 2) + offset + (16 * m + i % 2 * 8) * 32,
                 pack(c[i / 2][i % 2 * 2], c[i / 2][i % 2 * 2 + 1]));
  }
  __device__ void load(Fragment<bf16>& a, int step, u32 offset) const {
    ldmatrix_transposed(a.r, out.pair.at(0) + offset + step * 16 * 32);
  }
};

template <int kRows>
struct Slab<float, kRows> {  // [16 queries][keys], of each 8 keys 0, 2, 4, 6, 1, 3, 5, 7: as Cols<float> sums over them
  static constexpr int kChunks = round_up(kRows / 4, 8), kBytes = 16 * kChunks * 16;
  Lane<kChunks> even, odd, out;

  __device__ Slab(u32 slab, int key)
      : even(lane(slab, key, 0)), odd(lane(slab, key, 1)), out(rows_lane<kChunks>(slab)) {}
  __device__ static Lane<kChunks> lane(u32 slab, int key, u32 odd) {
    u32 g = lane_id() >> 2, t = lane_id() & 3;
    Lane<kChunks> lane(slab, 2 * t + odd, g & 1);
    lane.address = lane.chunk(key / 4) + (g >> 1) * 4;
    return lane;
  }
  __device__ void store(int m, const float (&c)[2][4], u32 offset) const {
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const u32 at = offset + i / 2 * 8 * kChunks * 16, chunk = 4 * m + i % 2 * 2;
      store_word(even.chunk(chunk) + at, __float_as_uint(c[i / 2][i % 2 * 2]));
      store_word(odd.chunk(chunk) + at, __float_as_uint(c[i / 2][i % 2 * 2 + 1]));
    }
  }
  __device__ void load(Fragment<float>& a, int step, u32 offset) const {
    u32 r[4];
    ldmatrix(r, out.at(step) + offset);
    set_fragment(a, r);
  }
};

/** Shared memory of backward_keys: q, k, v, dout, two slabs of dS, {log2(e) lse, scale * rowsum(dout out)} of each
 * query. */
template <class T, int kN, int kD>
struct KeysPlan : Shape<T, kN, kD> {
  typedef Shape<T, kN, kD> S;
  static constexpr int kSlab = Slab<T, S::kRows>::kBytes;
  static constexpr int kStatistics = 4 * S::kTile, kSlabs = kStatistics + S::kRows * 8, kBytes = kSlabs + 2 * kSlab;
};

/** What a warp of backward_keys works with: its keys [key, key + 16 kMany), q, k, v and dout seen its way. */
template <class T, int kN, int kD, int kMany>
struct KeyTiles {
  typedef KeysPlan<T, kN, kD> S;
  static constexpr int kC = S::kChunks;
  int key;
  u32 statistics;        // of queries 2t, 2t+1
  Lane<kC> rows, pairs;  // of k from `key` on; of q
  Cols<T, kC> cols;      // of q
  Slab<T, S::kRows> slab;
  float dk[kMany][kD / 8][4], dv[kMany][kD / 8][4];

  __device__ KeyTiles(u32 tiles, int key)
      : key(key),
        statistics(tiles + S::kStatistics + (lane_id() & 3) * 16),
        rows(rows_lane<kC>(tiles + S::kTile).down(key)),
        pairs(pair_lane<kC>(tiles)),
        cols(tiles),
        slab(tiles + S::kSlabs, key) {
    clear(dk);
    clear(dv);
  }

  /** Zeros in both slabs for keys that do not exist. */
  __device__ void clear_slabs(int tokens) const {
    const float zeros[2][4] = {};
#pragma unroll
    for (int m = 0; m < kMany; m++)
      if (key + 16 * m >= tokens && key + 16 * m < S::kRows) {
        slab.store(m, zeros, 0);
        slab.store(m, zeros, S::kSlab);
      }
  }

  /** P^T and dS^T of kActive key tiles and the 16 queries from `query` on; dv += P^T dout, dk += dS^T q; keeps dS. */
  template <int kActive>
  __device__ void add_queries(const Head<T>& h, int query, u32 offset) {
    float ds[kActive][2][4];
    add_products(ds, h, query);
#pragma unroll
    for (int m = 0; m < kActive; m++) slab.store(m, ds[m], offset);
  }

  template <int kActive>
  __device__ void add_products(float (&ds)[kActive][2][4], const Head<T>& h, int query) {
    float p[kActive][2][4];
    const Lane<kC> query_pairs = pairs.down(query);
    clear(p);
    multiply_rows<T>(p, rows, query_pairs, 0, 0);
    clear(ds);
    multiply_rows<T>(ds, rows, query_pairs, S::kTile, 3 * S::kTile);
    uint4 of_query[2];  // {lse, dot} of queries 2t, 2t+1
#pragma unroll
    for (int j = 0; j < 2; j++) of_query[j] = load_chunk(statistics + query * 8 + 64 * j);
#pragma unroll
    for (int i = 0; i < kActive * 8; i++) {
      const uint4& pair = of_query[i / 4 % 2];
      float& value = p[i / 8][i / 4 % 2][i % 4];
      value = exp2_of(fmaf(value, h.scale2, -__uint_as_float(i % 2 ? pair.z : pair.x)));
    }
    if (key + 16 * kActive > h.tokens) {  // rows of zeros in k, whose P is not 0
      const int left = h.tokens - key - static_cast<int>(lane_id() >> 2);
#pragma unroll
      for (int i = 0; i < kActive * 8; i++)
        if (16 * (i / 8) + 8 * (i / 2 % 2) >= left) p[i / 8][i / 4 % 2][i % 4] = 0;
    }
#pragma unroll
    for (int i = 0; i < kActive * 8; i++) {
      const uint4& pair = of_query[i / 4 % 2];
      float& value = ds[i / 8][i / 4 % 2][i % 4];
      value = p[i / 8][i / 4 % 2][i % 4] * fmaf(value, h.scale, -__uint_as_float(i % 2 ? pair.w : pair.y));
    }
    const Cols<T, kC> query_cols = cols.down(query);
#pragma unroll
    for (int step = 0; step < 16 / Cols<T, kC>::kStep; step++) {
      Fragment<T> a[kActive];
#pragma unroll
      for (int m = 0; m < kActive; m++) set_fragment(a[m], p[m], step);
      multiply_cols(dv, a, query_cols, step, 3 * S::kTile);
#pragma unroll
      for (int m = 0; m < kActive; m++) set_fragment(a[m], ds[m], step);
      multiply_cols(dk, a, query_cols, step, 0);
    }
  }

  __device__ void store(T* dqkv, const Head<T>& h) const {
#pragma unroll
    for (int m = 0; m < kMany; m++) {
      const Head<T> head = h.from(key + 16 * m);
      store_rows(dqkv + head.at + h.part, h.stride, head.tokens, h.size, h.whole, dk[m], 1, 1);
      store_rows(dqkv + head.at + 2 * h.part, h.stride, head.tokens, h.size, h.whole, dv[m], 1, 1);
    }
  }

  /** dq = dS k for the 16 queries from `query` on, columns [16 pair, 16 pair + 16). */
  __device__ void store_dq(T* dq, const Head<T>& h, int query, int pair, u32 offset) const {
    float c[2][4] = {};
#pragma unroll
    for (int step = 0; step < S::kRows / Cols<T, kC>::kStep; step++) {
      Fragment<T> a;
      u32 b[4];
      slab.load(a, step, offset);
      cols.load(b, step, pair, S::kTile);
      multiply(c[0], a, b[0], b[1]);
      multiply(c[1], a, b[2], b[3]);
    }
    store_rows(dq + query * h.stride + 16 * pair, h.stride, h.tokens - query, h.size - 16 * pair, h.whole, c, 1, 1);
  }
};

/**
 * dS of 16 queries goes through one of two slabs; after the barrier kD/16 warps, others each time, make dq of it while
 * the next 16 queries begin.
 */
template <class T, int kN, int kD, int kWarps, int kMany>
__device__ inline void backward_keys(T* dqkv, const T* dout, const T* qkv, const T* out, const float* lse, int tokens,
                                     int heads, int size) {
  typedef KeysPlan<T, kN, kD> S;
  constexpr int kThreads = kWarps * 32, kC = S::kChunks, kJobs = kD / 16;
  static_assert(kWarps * kMany * 16 >= S::kRows && kJobs <= kWarps && kMany <= 2, "");
  const Head<T> h(tokens, heads, size, bits(qkv) | bits(dout) | bits(dqkv) | bits(out));
  const u32 q = shared_memory();
#pragma unroll
  for (int part = 0; part < 3; part++)
    load_tile<T, kC, S::kRows, kThreads>(q + part * S::kTile, qkv + h.at + part * h.part, h.stride, tokens, size,
                                         h.whole);
  load_tile<T, kC, S::kRows, kThreads>(q + 3 * S::kTile, dout + h.out_at, h.out_stride, tokens, size, h.whole);
  commit_copies();
  typedef RowDot<T, kC, S::kRows, kThreads> Dot;
  Dot dots[Dot::kPasses];
#pragma unroll
  for (int pass = 0; pass < Dot::kPasses; pass++) dots[pass].load(pass, out, h);
  wait_copies<0>();
  __syncthreads();
#pragma unroll
  for (int pass = 0; pass < Dot::kPasses; pass++)
    dots[pass].store(pass, q + S::kStatistics, q + 3 * S::kTile, out, dout, lse, h);
  __syncthreads();

  const int warp = threadIdx.x / 32, key = warp * kMany * 16;
  KeyTiles<T, kN, kD, kMany> keys(q, key);
  keys.clear_slabs(tokens);
  int job = warp;
#pragma unroll 1
  for (int query = 0; query < tokens; query += 16) {
    const u32 offset = query & 16 ? S::kSlab : 0;
    if (key + 16 * (kMany - 1) < tokens)
      keys.template add_queries<kMany>(h, query, offset);
    else if (kMany == 2 && key < tokens)
      keys.template add_queries<1>(h, query, offset);
    __syncthreads();
    if (job < kJobs) keys.store_dq(dqkv + h.at, h, query, job, offset);
    job -= kJobs;
    if (job < 0) job += kWarps;
  }
  keys.store(dqkv, h);
}

}  // namespace attention
