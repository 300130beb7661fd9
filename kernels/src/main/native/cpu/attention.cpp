// attention.cpp: out = softmax(Q K^T / sqrt(Dh)) V per head, and its gradient.
//
//   Shapes   qkv [B, N, 3, H, Dh], out [B, N, H, Dh], lse [B, H, N] (natural log of the softmax's sum); N <= 1024,
//            Dh <= 128
//   Layout   scores are held transposed, [keys][queries]: a vector's lanes are queries, so that the maximum, the sum,
//            lse and rowsum(dP * P) are plain vector arithmetic, and keys are never padded. A chunk is up to kChunk
//            vectors of queries; its Q (and dO) is transposed to [Dh][queries] by 4x4 blocks in registers.
//            N is a power of two plus the class token more often than not: the last queries run in a narrower vector.
//   Forward  S^T = K Q^T (running maximum in the epilogue), P^T = exp2 in place, O = P V / sum: one pass over the
//            keys, no rescaling
//   Backward P^T = exp2(K Q^T - lse), dS^T = P^T (V dO^T - rowsum(dO * O)), dQ = dS K at once, dV += P^T dO,
//            dK += dS^T Q: the head's own rows, chunk by chunk in order; no atomics
//   Tiles    kAccumulators vector accumulators: up to 8 rows x 1..kMostVecs vectors
//   Traffic  forward reads 3 and writes 1, backward reads 5 and writes 3 tensors of N*Dh; scores stay in L1/L2
//   FLOPs    4 N^2 Dh forward, 10 N^2 Dh backward
//   Source   Vaswani et al. 2017, arXiv:1706.03762, eq. 1; backward as in Dao et al. 2022, arXiv:2205.14135, B.4
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {

#if defined(__AVX512F__)
constexpr int kAccumulators = 24, kMostVecs = 4;
#else
constexpr int kAccumulators = 12, kMostVecs = 2;
#endif
constexpr int kMostRows = 8;
constexpr int kNarrowest = 4;

#ifndef FCHUNK
#define FCHUNK 64
#define BCHUNK 64
#endif

// Work of one task at least, in multiply-adds: a head of 13 tokens takes less time than handing it to a thread.
constexpr long kTaskWork = 1 << 18;

typedef float v4 __attribute__((vector_size(16)));
typedef float v8 __attribute__((vector_size(32)));

template <typename V>
inline V load_as(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <typename V>
inline void store_as(float* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}
template <typename V>
inline V all(float x) {
  return x - V{};
}
template <typename V>
constexpr int kWidth = sizeof(V) / 4;

/** a * b + c for any vector width. */
template <typename V>
inline V muladd(V a, V b, V c) {
#if defined(__FMA__)
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64) return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#endif
  if constexpr (sizeof(V) == 32) return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
  if constexpr (sizeof(V) == 16) return (V)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
#else
  return a * b + c;
#endif
}

/**
 * 2^x for x <= 1, about 1 ulp, as 2^n * p(r), r = x - n in [-1/2, 1/2], p minimax of degree 6 (error 2.6e-9). Clamped
 * at 2^-100, so that products with it are not denormal. NaN gives NaN.
 */
template <typename V>
inline V exp2_of(V x) {
  const V low = all<V>(-100.0f), magic = all<V>(12583039.0f);  // 1.5 * 2^23 + 127: rounds, and biases the exponent
  x = low > x ? low : x;
  V biased = x + magic;
  V r = x - (biased - magic);
  V p = all<V>(1.559467818e-4f);
  p = muladd(p, r, all<V>(1.34066439e-3f));
  p = muladd(p, r, all<V>(9.617692973e-3f));
  p = muladd(p, r, all<V>(5.550310551e-2f));
  p = muladd(p, r, all<V>(2.402265278e-1f));
  p = muladd(p, r, all<V>(6.93147215e-1f));
  p = muladd(p, r, all<V>(1.0f));
  decltype(V{} < V{}) bits;
  __builtin_memcpy(&bits, &biased, sizeof bits);
  bits <<= 23;
  V scale;
  __builtin_memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

/** Natural logarithm of a positive normal number: ln 2^e + 2 atanh((m-1)/(m+1)), m in [0.7, 1.42). NaN gives NaN. */
template <typename V>
inline V log_of(V x) {
  decltype(V{} < V{}) bits, exponent;
  __builtin_memcpy(&bits, &x, sizeof bits);
  exponent = (bits - 0x3f3504f3) >> 23;
  bits -= exponent << 23;
  V m;
  __builtin_memcpy(&m, &bits, sizeof m);
  V s = (m - 1.0f) / (m + 1.0f), s2 = s * s;
  V p = muladd(s2, all<V>(1.0f / 9), all<V>(1.0f / 7));
  p = muladd(p, s2, all<V>(1.0f / 5));
  p = muladd(p, s2, all<V>(1.0f / 3));
  p = muladd(p, s2, all<V>(1.0f));
  V value = muladd(__builtin_convertvector(exponent, V), all<V>(0.693147181f), 2.0f * s * p);
  return x == x ? value : x;
}

// ---- 4x4 blocks: lane group g of r[t] holds 4 values of row 4g + t ----

template <typename V>
inline void gather_rows(V (&r)[4], const float* const* row, long at) {
  for (int t = 0; t < 4; t++) {
#if defined(__AVX512F__)
    if constexpr (sizeof(V) == 64) {
      __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(row[t] + at));
      v = _mm512_mask_broadcast_f32x4(v, 0x00f0, _mm_loadu_ps(row[t + 4] + at));
      v = _mm512_mask_broadcast_f32x4(v, 0x0f00, _mm_loadu_ps(row[t + 8] + at));
      r[t] = (V)_mm512_mask_broadcast_f32x4(v, 0xf000, _mm_loadu_ps(row[t + 12] + at));
    }
#endif
#if defined(__AVX2__)
    if constexpr (sizeof(V) == 32) r[t] = (V)_mm256_loadu2_m128(row[t + 4] + at, row[t] + at);
#endif
    if constexpr (sizeof(V) == 16) r[t] = load_as<V>(row[t] + at);
  }
}

template <int...>
struct Lanes {};

/** Lane i of zip: of group i/4, counted in the two vectors one behind the other. */
template <int step, bool high>
constexpr int zip_from(int i, int width) {
  int lane = step == 1 ? i % 4 / 2 : i % 2;
  return (i % 4 / (step == 1 ? 1 : 2) % 2) * width + i / 4 * 4 + lane + 2 * high;
}

template <int step, bool high, typename V, int... i>
inline V zip_lanes(V a, V b, Lanes<i...>) {
  return __builtin_shufflevector(a, b, zip_from<step, high>(i, sizeof...(i))...);
}

/** In every group of 4 lanes: `step` 1 takes a0 b0 a1 b1, 2 takes a0 a1 b0 b1; those of the upper half if `high`. */
template <int step, bool high, typename V>
inline V zip(V a, V b) {
  return zip_lanes<step, high>(a, b, Lanes<__integer_pack(kWidth<V>)...>{});
}

/** Transposes every 4x4 block. */
template <typename V>
inline void turn(V (&r)[4]) {
  V a = zip<1, false>(r[0], r[1]), b = zip<1, false>(r[2], r[3]);
  V c = zip<1, true>(r[0], r[1]), d = zip<1, true>(r[2], r[3]);
  r[0] = zip<2, false>(a, b);
  r[1] = zip<2, true>(a, b);
  r[2] = zip<2, false>(c, d);
  r[3] = zip<2, true>(c, d);
}

/** A matrix whose rows lie `stride` values apart. */
struct Rows {
  const float* p;
  long stride;
  const float* operator[](long i) const { return p + i * stride; }
};

/** to[d][0..width) = rows[first + lane][d]; lanes behind row `count` repeat the last row. */
template <typename V>
void transpose(float* to, long to_stride, Rows rows, long first, long count, int size) {
  constexpr int kW = kWidth<V>;
  const float* row[kW];
  for (int i = 0; i < kW; i++) row[i] = rows[min_of(first + i, count - 1)];
  int d = 0;
  for (; d + 4 <= size; d += 4) {
    V r[4];
    gather_rows(r, row, d);
    turn(r);
    for (int t = 0; t < 4; t++) store_as(to + (d + t) * to_stride, r[t]);
  }
  for (; d < size; d++)
    for (int i = 0; i < kW; i++) to[d * to_stride + i] = row[i][d];
}

/** As transpose, and dots[lane] = rows[first + lane] . others[first + lane]. */
template <typename V>
void transpose_dot(float* to, long to_stride, float* dots, Rows rows, Rows others, long first, long count, int size) {
  constexpr int kW = kWidth<V>;
  const float *row[kW], *other[kW];
  for (int i = 0; i < kW; i++) {
    row[i] = rows[min_of(first + i, count - 1)];
    other[i] = others[min_of(first + i, count - 1)];
  }
  V sum[4] = {};
  int d = 0;
  for (; d + 4 <= size; d += 4) {
    V r[4], o[4];
    gather_rows(r, row, d);
    gather_rows(o, other, d);
    for (int t = 0; t < 4; t++) sum[t] = muladd(r[t], o[t], sum[t]);
    turn(r);
    for (int t = 0; t < 4; t++) store_as(to + (d + t) * to_stride, r[t]);
  }
  turn(sum);
  store_as(dots, (sum[0] + sum[1]) + (sum[2] + sum[3]));
  for (; d < size; d++)
    for (int i = 0; i < kW; i++) {
      to[d * to_stride + i] = row[i][d];
      dots[i] += row[i][d] * other[i][d];
    }
}

// ---- products ----

// A tile's accumulators stay in registers only if every loop over them is unrolled.
#define SK_UNROLL _Pragma("GCC unroll 8")

/** acc[r][v] = sum over k of a(r, k) * b[k][v]; a(r, k) = a[r * stride + k], or a[k * stride + r] if kTurned. */
template <bool kTurned, typename V, int kRows, int kVecs>
inline __attribute__((always_inline)) void product(V (&acc)[kRows][kVecs], const float* a, long a_stride,
                                                   const float* b, long b_stride, long steps) {
  SK_UNROLL for (int r = 0; r < kRows; r++) SK_UNROLL for (int v = 0; v < kVecs; v++) acc[r][v] = V{};
  for (long k = 0; k < steps; k++) {
    V right[kVecs];
    SK_UNROLL for (int v = 0; v < kVecs; v++) right[v] = load_as<V>(b + k * b_stride + v * kWidth<V>);
    SK_UNROLL for (int r = 0; r < kRows; r++) {
      V left = all<V>(kTurned ? a[k * a_stride + r] : a[r * a_stride + k]);
      SK_UNROLL for (int v = 0; v < kVecs; v++) acc[r][v] = muladd(left, right[v], acc[r][v]);
    }
  }
}

template <int kVecs, typename F>
inline void row_tiles(long rows, long vec, F& f) {
  constexpr int kMost = kAccumulators / kVecs < kMostRows ? kAccumulators / kVecs : kMostRows;
  for (long tiles = ceil_div(rows, kMost), row = 0; tiles > 0; tiles--) {
    long count = ceil_div(rows - row, tiles);
    switch (count) {
#define SK_ROWS(n)                                                       \
  case n:                                                                \
    if constexpr (n <= kMost) f.template operator()<n, kVecs>(row, vec); \
    break;
      SK_ROWS(1) SK_ROWS(2) SK_ROWS(3) SK_ROWS(4) SK_ROWS(5) SK_ROWS(6) SK_ROWS(7) SK_ROWS(8)
#undef SK_ROWS
    }
    row += count;
  }
}

/** f<rows, vecs>(row, vec) for every tile of a matrix of rows x vecs: tiles as large as the registers, and as even. */
template <typename F>
inline void for_tiles(long rows, long vecs, F f) {
  for (long groups = ceil_div(vecs, kMostVecs), vec = 0; groups > 0; groups--) {
    long count = ceil_div(vecs - vec, groups);
    if (count == 1) row_tiles<1>(rows, vec, f);
    if (count == 2) row_tiles<2>(rows, vec, f);
    if constexpr (kMostVecs > 2) {
      if (count == 3) row_tiles<3>(rows, vec, f);
      if (count == 4) row_tiles<4>(rows, vec, f);
    }
    vec += count;
  }
}
#define SK_TILE [&]<int kRows, int kVecs> [[gnu::noinline]]

// ---- one head ----

struct Sizes {
  long batch, tokens, heads, size;
  float scale, scale2;  // 1/sqrt(Dh), and times log2(e)

  Sizes(int batch, int tokens, int heads, int head_size) : batch(batch), tokens(tokens), heads(heads), size(head_size) {
    scale = 1.0f / vsqrt(splat(static_cast<float>(head_size)))[0];
    scale2 = scale * 1.44269504088896341f;
  }
  long packed() const { return ceil_div(size, kLanes) * kLanes; }
  /** Part 0, 1, 2 = q, k, v of a head. */
  long at(long head, int part) const { return ((head / heads * tokens * 3 + part) * heads + head % heads) * size; }
  long out_at(long head) const { return (head / heads * tokens * heads + head % heads) * size; }
  Rows part(const float* qkv, long head, int part) const { return {qkv + at(head, part), 3 * heads * size}; }
  Rows outs(const float* out, long head) const { return {out + out_at(head), heads * size}; }
};

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
    f(v4{}, c.vecs * kLanes, 1L);
#if defined(__AVX512F__)
  else if (c.tail == 8)
    f(v8{}, c.vecs * kLanes, 1L);
#endif
}

/** Rows copied next to each other, zeros up to whole vectors: in place they are a page apart and share few L1 sets. */
Rows pack(float* to, Rows from, const Sizes& s) {
  long stride = s.packed();
  for (long i = 0; i < s.tokens; i++) {
    const float* row = from[i];
    long d = 0;
    for (; d + kLanes <= s.size; d += kLanes) store(to + i * stride + d, load(row + d));
    if (d < s.size) store(to + i * stride + d, load_head(row + d, s.size - d));
  }
  return {to, stride};
}

/** y[0..count) of a row's vector `vec` = value * scale (+ y). */
inline void put(float* y, long vec, long size, vfloat value, vfloat scale, bool add) {
  long at = vec * kLanes, count = size - at;
  if (count >= kLanes)
    store(y + at, add ? fma(value, scale, load(y + at)) : value * scale);
  else
    store_head(y + at, add ? fma(value, scale, load_head(y + at, count)) : value * scale, count);
}

long forward_bytes(const Sizes& s, long most) {
  return 4 * ((s.size + s.tokens + 2) * most * kLanes + s.tokens * s.packed());
}

void forward_head(float* out, float* lse, const float* qkv, const Sizes& s, long head, long most, float* scratch) {
  const long n = s.tokens;
  Rows q = s.part(qkv, head, 0), k = s.part(qkv, head, 1), v = s.part(qkv, head, 2);
  out += s.out_at(head);
  lse += head * n;
  float* peak = scratch;
  float* inverse = peak + most * kLanes;
  float* qt = inverse + most * kLanes;
  float* p = qt + s.size * most * kLanes;
  v = pack(p + n * most * kLanes, v, s);
  for_chunks(n, most, [&](const Chunk& c) {
    const long stride = c.stride();
    for_widths(c, [&](auto type, long lane, long vecs) {
      typedef decltype(type) V;
      constexpr int kW = kWidth<V>;
      for (long i = 0; i < vecs; i++) {
        transpose<V>(qt + lane + i * kW, stride, q, c.first + lane + i * kW, n, s.size);
        store_as(peak + lane + i * kW, all<V>(-3.0e38f));
      }
      for_tiles(
          n, vecs, SK_TILE(long row, long vec) {
            V acc[kRows][kVecs];
            product<false>(acc, k[row], k.stride, qt + lane + vec * kW, stride, s.size);
            SK_UNROLL for (int j = 0; j < kVecs; j++) {
              long at = lane + (vec + j) * kW;
              V most_yet = load_as<V>(peak + at);
              SK_UNROLL for (int r = 0; r < kRows; r++) {
                store_as(p + (row + r) * stride + at, acc[r][j]);
                most_yet = most_yet > acc[r][j] ? most_yet : acc[r][j];
              }
              store_as(peak + at, most_yet);
            }
          });
      for (long i = 0; i < vecs; i++) {
        long at = lane + i * kW;
        V shift = load_as<V>(peak + at) * s.scale2, sum[2] = {};
        for (long j = 0; j < n; j++) {
          V e = exp2_of(muladd(load_as<V>(p + j * stride + at), all<V>(s.scale2), -shift));
          store_as(p + j * stride + at, e);
          sum[j & 1] += e;
        }
        V total = sum[0] + sum[1];
        store_as(inverse + at, 1.0f / total);
        V value = muladd(shift, all<V>(0.693147181f), log_of(total));
        for (int l = 0; l < kW && at + l < c.count; l++) lse[c.first + at + l] = value[l];
      }
    });
    for_tiles(
        c.count, s.packed() / kLanes, SK_TILE(long row, long vec) {
          vfloat acc[kRows][kVecs];
          product<true>(acc, p + row, stride, v.p + vec * kLanes, v.stride, n);
          SK_UNROLL for (int r = 0; r < kRows; r++) SK_UNROLL for (int j = 0; j < kVecs; j++) put(
              out + (c.first + row + r) * s.heads * s.size, vec + j, s.size, acc[r][j], splat(inverse[row + r]), false);
        });
  });
}

long backward_bytes(const Sizes& s, long most) {
  return 4 * ((2 * s.size + 2 * s.tokens + 2) * most * kLanes + 3 * s.tokens * s.packed());
}

void backward_head(float* dqkv, const float* dout, const float* qkv, const float* out, const float* lse, const Sizes& s,
                   long head, long most, float* scratch) {
  const long n = s.tokens, token = 3 * s.heads * s.size;
  Rows q = s.part(qkv, head, 0), k = s.part(qkv, head, 1), v = s.part(qkv, head, 2);
  Rows dy = s.outs(dout, head), y = s.outs(out, head);
  float *dq = dqkv + s.at(head, 0), *dk = dqkv + s.at(head, 1), *dv = dqkv + s.at(head, 2);
  lse += head * n;
  float* shift = scratch;
  float* dots = shift + most * kLanes;
  float* qt = dots + most * kLanes;
  float* dyt = qt + s.size * most * kLanes;
  float* p = dyt + s.size * most * kLanes;
  float* ds = p + n * most * kLanes;
  float* packs = ds + n * most * kLanes;
  q = pack(packs, q, s);
  k = pack(packs + n * s.packed(), k, s);
  dy = pack(packs + 2 * n * s.packed(), dy, s);
  const long head_vecs = s.packed() / kLanes;
  for_chunks(n, most, [&](const Chunk& c) {
    const long stride = c.stride();
    for_widths(c, [&](auto type, long lane, long vecs) {
      typedef decltype(type) V;
      constexpr int kW = kWidth<V>;
      for (long i = 0; i < vecs; i++) {
        long at = lane + i * kW;
        transpose<V>(qt + at, stride, q, c.first + at, n, s.size);
        transpose_dot<V>(dyt + at, stride, dots + at, dy, y, c.first + at, n, s.size);
        for (int l = 0; l < kW; l++) shift[at + l] = -1.44269504088896341f * lse[min_of(c.first + at + l, n - 1)];
      }
      for_tiles(
          n, vecs, SK_TILE(long row, long vec) {
            long at = lane + vec * kW;
            V acc[kRows][kVecs];
            product<false>(acc, k[row], k.stride, qt + at, stride, s.size);
            SK_UNROLL for (int r = 0; r < kRows; r++) SK_UNROLL for (int j = 0; j < kVecs; j++)
                store_as(p + (row + r) * stride + at + j * kW,
                         exp2_of(muladd(acc[r][j], all<V>(s.scale2), load_as<V>(shift + at + j * kW))));
            product<false>(acc, v[row], v.stride, dyt + at, stride, s.size);
            SK_UNROLL for (int r = 0; r < kRows; r++) SK_UNROLL for (int j = 0; j < kVecs; j++) {
              long to = (row + r) * stride + at + j * kW;
              store_as(ds + to, load_as<V>(p + to) * (acc[r][j] - load_as<V>(dots + at + j * kW)));
            }
          });
    });
    for_tiles(
        c.count, head_vecs, SK_TILE(long row, long vec) {
          vfloat acc[kRows][kVecs];
          product<true>(acc, ds + row, stride, k.p + vec * kLanes, k.stride, n);
          SK_UNROLL for (int r = 0; r < kRows; r++) SK_UNROLL for (int j = 0; j < kVecs; j++)
              put(dq + (c.first + row + r) * token, vec + j, s.size, acc[r][j], splat(s.scale), false);
        });
    for_tiles(
        n, head_vecs, SK_TILE(long row, long vec) {
          vfloat acc[kRows][kVecs];
          product<false>(acc, p + row * stride, stride, dy[c.first] + vec * kLanes, dy.stride, c.count);
          SK_UNROLL for (int r = 0; r < kRows; r++) SK_UNROLL for (int j = 0; j < kVecs; j++)
              put(dv + (row + r) * token, vec + j, s.size, acc[r][j], splat(1), c.first > 0);
          product<false>(acc, ds + row * stride, stride, q[c.first] + vec * kLanes, q.stride, c.count);
          SK_UNROLL for (int r = 0; r < kRows; r++) SK_UNROLL for (int j = 0; j < kVecs; j++)
              put(dk + (row + r) * token, vec + j, s.size, acc[r][j], splat(s.scale), c.first > 0);
        });
  });
}

template <typename F>
void for_heads(const Sizes& s, long bytes, F f) {
  long pairs = s.batch * s.heads, work = 2 * s.tokens * s.tokens * s.size;
  long group = ceil_div(kTaskWork, work);
  parallel_for(ceil_div(pairs, group), [&](long task, int thread) {
    float* scratch = static_cast<float*>(sk_thread_scratch(thread, bytes));
    for (long head = task * group; head < min_of(pairs, (task + 1) * group); head++) f(head, scratch);
  });
}

long most_vecs(long tokens, long lanes) { return min_of(ceil_div(tokens, kLanes), max_of(1, lanes / kLanes)); }

}  // namespace

extern "C" {
void SK(attention_forward)(sk_f32 out, sk_f32 lse, sk_cf32 qkv, int batch, int tokens, int heads, int head_size) {
  Sizes s(batch, tokens, heads, head_size);
  long most = most_vecs(tokens, FCHUNK);
  for_heads(s, forward_bytes(s, most),
            [&](long head, float* scratch) { forward_head(out, lse, qkv, s, head, most, scratch); });
}

void SK(attention_backward)(sk_f32 dqkv, sk_cf32 dout, sk_cf32 qkv, sk_cf32 out, sk_cf32 lse, int batch, int tokens,
                            int heads, int head_size) {
  Sizes s(batch, tokens, heads, head_size);
  long most = most_vecs(tokens, BCHUNK);
  for_heads(s, backward_bytes(s, most),
            [&](long head, float* scratch) { backward_head(dqkv, dout, qkv, out, lse, s, head, most, scratch); });
}
}
