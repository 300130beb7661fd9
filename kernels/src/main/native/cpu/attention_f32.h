// attention_f32.h: attention of one head in f32.
//
//   Layout   scores are held transposed, [keys][queries]: a vector's lanes are queries, so that the maximum, the sum,
//            lse and rowsum(P * dP) are plain vector arithmetic, and keys are never padded. A chunk is up to kChunk
//            queries; its Q (and dO) is transposed to [Dh][queries] by 4x4 blocks in registers.
//            N is a power of two plus the class token more often than not: the last queries run in a narrower vector.
//   Forward  S^T = K Q^T (running maximum in the epilogue), P^T = exp2 in place, O = P V / sum: one pass over the
//            keys, no rescaling
//   Backward P^T = exp2(K Q^T - lse), dS^T = P^T (V dO^T - rowsum(P * dP)), so that O is not read; dQ = dS K at once,
//            dV += P^T dO, dK += dS^T Q: the head's own rows, chunk by chunk in order; no atomics
//   Tiles    attention_tiles.h: up to 8 rows x 1..4 vectors, 24 accumulators (12 below AVX-512)
//   Speed    share of the peak of one Zen 4 core (118 GFLOP/s), forward / backward: N=50, Dh=64 69 / 73 %;
//            N=197, Dh=32 68 / 72 %; N=13, Dh=32 44 / 50 %; more in kernels/README.md
#pragma once
#include "attention_ahead.h"
#include "attention_sizes.h"
#include "attention_tiles.h"

namespace {

constexpr int kNarrowest = 4;  // lanes of the narrowest vector

// Queries of a chunk. With 16 (32) the backward took 1.25 (1.1) times as long at 197 tokens; 96 and 128 gained nothing
// and their scores leave L2 earlier. Zen 4, AVX-512, 2026-11.
constexpr int kChunk = 64;

/** Queries [first, first + count) in `vecs` whole vectors and a tail of `tail` lanes (0, 4, 8 or 16); rows `stride`. */
struct Chunk {
  long first, count, vecs, tail;
  long stride() const { return (vecs + (tail > 0)) * kLanes; }
};

template <typename F>
inline void for_chunks(long tokens, long most_vecs, F f) {
  long vecs = ceil_div(tokens, kLanes);
  for (long chunks = ceil_div(vecs, most_vecs), vec = 0; chunks > 0; chunks--) {
    long count = ceil_div(vecs - vec, chunks);
    Chunk c{vec * kLanes, min_of(tokens - vec * kLanes, count * kLanes), count, 0};
    c.vecs = c.count / kLanes;
    c.tail = c.count % kLanes;
    if (c.tail) c.tail = c.tail <= kNarrowest ? kNarrowest : c.tail <= 8 ? 8 : kLanes;
    f(c);
    vec += count;
  }
}

/** f(V{}, lane, vecs) for the chunk's whole vectors, then for its tail in the narrowest type that holds it. */
template <typename F>
inline void for_widths(const Chunk& c, F f) {
  if (c.vecs) f(vfloat{}, 0L, c.vecs);
  if (c.tail == kLanes)
    f(vfloat{}, c.vecs * kLanes, 1L);
  else if (c.tail == 4)
    f(v4{}, c.vecs * kLanes, One{});
#if defined(__AVX512F__)
  else if (c.tail == 8)
    f(v8{}, c.vecs * kLanes, One{});
#endif
}

/**
 * The rows of a head as f32. bf16 is widened into packed rows at `to`, which moves on; f32 is copied there if `copy`,
 * for in place the rows are a page apart and share few L1 sets, else read in place.
 */
inline Rows widened(float*& to, RowsOf<const float> from, const Sizes& s, bool copy) {
  if (!copy) return from;
  Rows rows = pack(to, from, s.tokens, s.size);
  to += s.packed_rows();
  return rows;
}
inline Rows widened(float*& to, RowsOf<const bf16> from, const Sizes& s, bool) {
  Rows rows = pack(to, from, s.tokens, s.size);
  to += s.packed_rows();
  return rows;
}

/** Vector `vec` of the row y of `size` values = value * scale (+ y). */
template <typename T>
inline void put_row(T* y, long vec, long size, vfloat value, vfloat scale, bool add) {
  long at = vec * kLanes;
  put_stored(y + at, add ? fma(value, scale, get_stored(y + at, size - at)) : value * scale, size - at);
}

template <typename T>
long forward_bytes(const Sizes& s, long most) {
  long copies = sizeof(T) == 4 ? 1 : 3;
  return 4 * ((s.size + s.tokens + 2) * most * kLanes + copies * s.packed_rows());
}

/** What the output of one head reads, and its scratch: lanes are the queries of a chunk. */
struct Forward {
  Rows q, k, v;
  float *lse, *peak, *inverse, *qt, *p;  // [N]; [lanes] twice, [Dh][lanes], [N][lanes]
};

/** P^T before its division by the sum, that division's factor and lse, of `vecs` vectors of queries from `lane` on. */
template <typename V, typename Vecs>
void forward_scores(const Forward& h, const Sizes& s, const Chunk& c, long lane, Vecs vecs, Ahead& ahead) {
  constexpr int kW = kWidth<V>;
  const long n = s.tokens, stride = c.stride();
  for (long at = lane; at < lane + vecs * kW; at += kW) {
    transpose<V>(h.qt + at, stride, h.q, c.first + at, n, s.size);
    store_as(h.peak + at, all<V>(-3.0e38f));
  }
  for_tiles(
      n, vecs, SK_TILE(long row, long vec) {
        ahead.some();
        const long at = lane + vec * kW;
        V acc[kRows][kVecs];
        product<false>(acc, h.k[row], h.k.stride, h.qt + at, stride, s.size);
        V most_yet[kVecs];
        each<1, kVecs>([&](int, int j) { most_yet[j] = load_as<V>(h.peak + at + j * kW); });
        each<kRows, kVecs>([&](int r, int j) {
          store_as(h.p + (row + r) * stride + at + j * kW, acc[r][j]);
          most_yet[j] = most_yet[j] > acc[r][j] ? most_yet[j] : acc[r][j];
        });
        each<1, kVecs>([&](int, int j) { store_as(h.peak + at + j * kW, most_yet[j]); });
      });
  for (long at = lane; at < lane + vecs * kW; at += kW) {
    V shift = load_as<V>(h.peak + at) * s.scale2, sum[2] = {};
    for (long j = 0; j < n; j++) {
      V e = exp2_of(muladd(load_as<V>(h.p + j * stride + at), all<V>(s.scale2), -shift));
      store_as(h.p + j * stride + at, e);
      sum[j & 1] += e;
    }
    V total = sum[0] + sum[1];
    store_as(h.inverse + at, 1.0f / total);
    V value = muladd(shift, all<V>(0.693147181f), log_of(total));
    for (int l = 0; l < kW && at + l < c.count; l++) h.lse[c.first + at + l] = value[l];
  }
}

template <typename T>
void forward_head(T* out, float* lse, const T* qkv, const Sizes& s, long head, long most, float* scratch,
                  Ahead& ahead) {
  const long n = s.tokens, lanes = most * kLanes;
  out += s.out_at(head);
  Forward h;
  h.lse = lse + head * n;
  h.peak = scratch;
  h.inverse = h.peak + lanes;
  h.qt = h.inverse + lanes;
  h.p = h.qt + s.size * lanes;
  float* copies = h.p + n * lanes;
  h.v = widened(copies, s.part(qkv, head, 2), s, true);
  h.q = widened(copies, s.part(qkv, head, 0), s, false);
  h.k = widened(copies, s.part(qkv, head, 1), s, false);
  for_chunks(n, most, [&](const Chunk& c) {
    for_widths(c, [&](auto type, long lane, auto vecs) { forward_scores<decltype(type)>(h, s, c, lane, vecs, ahead); });
    for_tiles(
        c.count, s.packed() / kLanes, SK_TILE(long row, long vec) {
          ahead.some();
          vfloat acc[kRows][kVecs];
          product<true>(acc, h.p + row, c.stride(), h.v.p + vec * kLanes, h.v.stride, n);
          each<kRows, kVecs>([&](int r, int j) {
            T* to = out + (c.first + row + r) * s.heads * s.size;
            put_row(to, vec + j, s.size, acc[r][j], splat(h.inverse[row + r]), false);
          });
        });
  });
}

template <typename T>
long backward_bytes(const Sizes& s, long most) {
  long copies = sizeof(T) == 4 ? 3 : 6;
  return 4 * ((2 * s.size + 2 * s.tokens + 2) * most * kLanes + copies * s.packed_rows());
}

/** What the gradient of one head reads, and its scratch: lanes are the queries of a chunk. */
struct Backward {
  Rows q, k, v, dy;
  const float* lse;
  float *shift, *dots, *qt, *dyt, *p, *ds;  // [lanes] twice, [Dh][lanes] twice, [N][lanes] twice
};

/** P^T and dS^T (without the factor 1/sqrt(Dh)) of `vecs` vectors of queries from lane `lane` of the chunk on. */
template <typename V, typename Vecs>
void backward_scores(const Backward& h, const Sizes& s, const Chunk& c, long lane, Vecs vecs, Ahead& ahead) {
  constexpr int kW = kWidth<V>;
  const long n = s.tokens, stride = c.stride();
  for (long at = lane; at < lane + vecs * kW; at += kW) {
    transpose<V>(h.qt + at, stride, h.q, c.first + at, n, s.size);
    transpose<V>(h.dyt + at, stride, h.dy, c.first + at, n, s.size);
    store_as(h.dots + at, V{});
    for (int l = 0; l < kW; l++) h.shift[at + l] = -1.44269504088896341f * h.lse[min_of(c.first + at + l, n - 1)];
  }
  for_tiles(
      n, vecs, SK_TILE(long row, long vec) {
        ahead.some();
        const long at = lane + vec * kW;
        V acc[kRows][kVecs];
        product<false>(acc, h.k[row], h.k.stride, h.qt + at, stride, s.size);
        each<kRows, kVecs>([&](int r, int j) {
          V x = muladd(acc[r][j], all<V>(s.scale2), load_as<V>(h.shift + at + j * kW));
          store_as(h.p + (row + r) * stride + at + j * kW, exp2_of(x));
        });
        product<false>(acc, h.v[row], h.v.stride, h.dyt + at, stride, s.size);
        V sum[kVecs];
        each<1, kVecs>([&](int, int j) { sum[j] = load_as<V>(h.dots + at + j * kW); });
        each<kRows, kVecs>([&](int r, int j) {
          long to = (row + r) * stride + at + j * kW;
          store_as(h.ds + to, acc[r][j]);
          sum[j] = muladd(load_as<V>(h.p + to), acc[r][j], sum[j]);
        });
        each<1, kVecs>([&](int, int j) { store_as(h.dots + at + j * kW, sum[j]); });
      });
  for (long at = lane; at < lane + vecs * kW; at += kW) {
    const V dot = load_as<V>(h.dots + at);
    for (long i = at; i < n * stride; i += stride)
      store_as(h.ds + i, load_as<V>(h.p + i) * (load_as<V>(h.ds + i) - dot));
  }
}

/** Where a head's dK or dV is summed over the chunks: in place if it is stored as f32, else in packed rows at `to`. */
inline RowsOf<float> sums(float*, RowsOf<float> stored, const Sizes&) { return stored; }
inline RowsOf<float> sums(float* to, RowsOf<bf16>, const Sizes& s) { return {to, s.packed()}; }

inline void round_sums(RowsOf<float>, RowsOf<float>, const Sizes&) {}
inline void round_sums(RowsOf<bf16> to, RowsOf<float> from, const Sizes& s) {
  for (long i = 0; i < s.tokens; i++)
    for (long d = 0; d < s.size; d += kLanes) put_stored(to[i] + d, load(from[i] + d), s.size - d);
}

template <typename T>
void backward_head(T* dqkv, const T* dout, const T* qkv, const float* lse, const Sizes& s, long head, long most,
                   float* scratch, Ahead& ahead) {
  const long n = s.tokens, head_vecs = s.packed() / kLanes, lanes = most * kLanes;
  const RowsOf<T> dq = s.part(dqkv, head, 0), dk = s.part(dqkv, head, 1), dv = s.part(dqkv, head, 2);
  Backward h;
  h.lse = lse + head * n;
  h.shift = scratch;
  h.dots = h.shift + lanes;
  h.qt = h.dots + lanes;
  h.dyt = h.qt + s.size * lanes;
  h.p = h.dyt + s.size * lanes;
  h.ds = h.p + n * lanes;
  float* copies = h.ds + n * lanes;
  h.q = widened(copies, s.part(qkv, head, 0), s, true);
  h.k = widened(copies, s.part(qkv, head, 1), s, true);
  h.dy = widened(copies, s.outs(dout, head), s, true);
  h.v = widened(copies, s.part(qkv, head, 2), s, false);
  const RowsOf<float> dk_sum = sums(copies, dk, s), dv_sum = sums(copies + s.packed_rows(), dv, s);
  for_chunks(n, most, [&](const Chunk& c) {
    const long stride = c.stride();
    for_widths(c,
               [&](auto type, long lane, auto vecs) { backward_scores<decltype(type)>(h, s, c, lane, vecs, ahead); });
    for_tiles(
        c.count, head_vecs, SK_TILE(long row, long vec) {
          ahead.some();
          vfloat acc[kRows][kVecs];
          product<true>(acc, h.ds + row, stride, h.k.p + vec * kLanes, h.k.stride, n);
          each<kRows, kVecs>(
              [&](int r, int j) { put_row(dq[c.first + row + r], vec + j, s.size, acc[r][j], splat(s.scale), false); });
        });
    for_tiles(
        n, head_vecs, SK_TILE(long row, long vec) {
          ahead.some();
          vfloat acc[kRows][kVecs];
          product<false>(acc, h.p + row * stride, stride, h.dy[c.first] + vec * kLanes, h.dy.stride, c.count);
          each<kRows, kVecs>(
              [&](int r, int j) { put_row(dv_sum[row + r], vec + j, s.size, acc[r][j], splat(1), c.first > 0); });
          product<false>(acc, h.ds + row * stride, stride, h.q[c.first] + vec * kLanes, h.q.stride, c.count);
          each<kRows, kVecs>(
              [&](int r, int j) { put_row(dk_sum[row + r], vec + j, s.size, acc[r][j], splat(s.scale), c.first > 0); });
        });
  });
  round_sums(dk, dk_sum, s);
  round_sums(dv, dv_sum, s);
}

long most_vecs(long tokens) { return min_of(ceil_div(tokens, kLanes), kChunk / kLanes); }
/** Tiles of scores of a head, at least. */
long score_tiles(const Sizes& s) { return ceil_div(s.tokens, kChunk) * ceil_div(s.tokens, kMostRows); }

}  // namespace
