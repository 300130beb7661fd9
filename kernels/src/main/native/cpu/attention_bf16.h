// attention_bf16.h: attention of one head stored as bf16, with products of bf16 pairs (pairs.h).
//
//   Forward  S = Q K^T for 32 queries at a time, lanes are keys; P = exp2(S - max) rounded to bf16, its sum not;
//            O = P V / sum
//   Backward S^T and dP^T = V dO^T for 32 queries at a time, lanes are queries; D = sum over keys of P dP, so that
//            neither O nor its rounding is read; dS = P (dP - D), rounded to bf16 like P; dQ = dS K at once, dV and dK
//            as sums in f32 over chunks of kPairChunk queries
//   Padding  queries and keys to 16 (AMX) in rows, to 16 in columns, to 32 where they are summed over: zeros there
#pragma once
#include "attention_ahead.h"
#include "attention_sizes.h"
#include "pairs.h"

#if defined(__AVX512BF16__)
namespace {

constexpr long kPairChunk = 256, kBlock = 32;

/** Cuts scratch memory; from null it only counts. */
struct Cutter {
  long bytes = 0;
  char* base;
  explicit Cutter(void* base) : base(static_cast<char*>(base)) {}
  template <typename T>
  T* take(long count) {
    T* at = reinterpret_cast<T*>(base + bytes);
    bytes += (count * static_cast<long>(sizeof(T)) + 63) / 64 * 64;
    return at;
  }
};

/** Lane r of the result = the lanes of r[r] combined by f. */
template <typename F>
inline vfloat across(const vfloat (&r)[16], F f) {
  __m512 a[8], b[4], c[2];
  auto both = [&](__m512 x, __m512 y) { return (__m512)f((vfloat)x, (vfloat)y); };
  for (int i = 0; i < 8; i++) {
    __m512 x = (__m512)r[i], y = (__m512)r[i + 8];
    a[i] = both(_mm512_maskz_shuffle_f32x4(-1, x, y, 0x44), _mm512_maskz_shuffle_f32x4(-1, x, y, 0xee));
  }
  for (int i = 0; i < 4; i++)
    b[i] = both(_mm512_maskz_shuffle_f32x4(-1, a[i], a[i + 4], 0x88),
                _mm512_maskz_shuffle_f32x4(-1, a[i], a[i + 4], 0xdd));
  for (int i = 0; i < 2; i++)
    c[i] = both(_mm512_maskz_shuffle_ps(-1, b[i], b[i + 2], 0x44), _mm512_maskz_shuffle_ps(-1, b[i], b[i + 2], 0xee));
  __m512 d = both(_mm512_maskz_shuffle_ps(-1, c[0], c[1], 0x88), _mm512_maskz_shuffle_ps(-1, c[0], c[1], 0xdd));
  // d: groups of four for rows 0, 8, 4, 12 on, each in the order 0, 2, 1, 3
  const __m512i order = _mm512_set_epi32(15, 13, 14, 12, 7, 5, 6, 4, 11, 9, 10, 8, 3, 1, 2, 0);
  return (vfloat)_mm512_maskz_permutexvar_ps(-1, order, d);
}

/** A row of `size` values = from * scale. */
inline void put_halves(bf16* to, const float* from, long size, vfloat scale) {
  for (long d = 0; d < size; d += 32) {
    __m512i row = pair_row(load(from + d) * scale, load(from + d + 16) * scale);
    if (size - d >= 32)
      _mm512_storeu_si512(to + d, row);
    else
      _mm512_mask_storeu_epi16(to + d, (__mmask32)((1ull << (size - d)) - 1), row);
  }
}

struct ForwardPairs {
  bf16 *q, *k, *turned_k, *v, *p;
  float *scores, *out;
  long bytes;
  ForwardPairs(void* scratch, const Sizes& s) {
    const long n = up32(s.tokens), d = up32(s.size);
    Cutter c(scratch);
    q = c.take<bf16>(n * d);
    k = c.take<bf16>(n * d);
    turned_k = c.take<bf16>(n * d);
    v = c.take<bf16>(n * d);
    p = c.take<bf16>(kBlock * n);
    scores = c.take<float>(kBlock * n);
    out = c.take<float>(kBlock * d);
    bytes = c.bytes;
  }
};

/** Rows of P (without the factor 1/sum) of up to 16 queries; returns the sums' reciprocals and writes their lse. */
inline vfloat softmax_rows(bf16* p, float* lse, const float* scores, long rows, const Sizes& s, Ahead& ahead) {
  const long n = s.tokens, stride = up32(n), whole = n / 16 * 16;
  const __mmask16 last = (__mmask16)((1u << (n - whole)) - 1);
  const vfloat least = splat(-3.0e38f), scale = splat(s.scale2);
  vfloat row[16] = {};
  for (long r = 0; r < rows; r++) {
    const float* x = scores + r * stride;
    vfloat most = least;
    for (long j = 0; j < whole; j += 16) most = vmax(load(x + j), most);
    if (last) most = vmax((vfloat)_mm512_mask_loadu_ps((__m512)least, last, x + whole), most);
    row[r] = most;
  }
  float shifts[16];
  vfloat shift = across(row, [](vfloat a, vfloat b) { return vmax(a, b); }) * scale;
  store(shifts, shift);
  for (long r = 0; r < rows; r++) {
    ahead.some();
    const float* x = scores + r * stride;
    vfloat sum[2] = {}, low = splat(-shifts[r]);
    for (long j = 0; j < n; j += 32) {
      vfloat e[2];
      for (int h = 0; h < 2; h++) {
        long at = j + 16 * h;
        e[h] = exp2_of(fma(load(x + at), scale, low));
        if (at + 16 > n) e[h] = (vfloat)_mm512_maskz_mov_ps(at < n ? last : 0, (__m512)e[h]);
        sum[h] += e[h];
      }
      store_halves(p + r * stride + j, e[0], e[1]);
    }
    row[r] = sum[0] + sum[1];
  }
  for (long r = rows; r < 16; r++) row[r] = splat(1);
  vfloat total = across(row, [](vfloat a, vfloat b) { return a + b; });
  store_head(lse, fma(shift, splat(0.693147181f), log_of(total)), rows);
  return 1.0f / total;
}

inline void forward_pairs(bf16* out, float* lse, const bf16* qkv, const Sizes& s, long head, void* scratch,
                          Ahead& ahead) {
  const long n = s.tokens, keys = up32(n), d = up32(s.size);
  const ForwardPairs h(scratch, s);
  const RowsOf<bf16> to = s.outs(out, head);
  copy_rows(h.q, s.part(qkv, head, 0), n, s.size);
  copy_rows(h.k, s.part(qkv, head, 1), n, s.size);
  pair_rows(h.v, s.part(qkv, head, 2), n, s.size);
  for (long i = 0; i < n; i += 16) turn_pairs(h.turned_k + 2 * i, up16(n), h.k + i * d, d, d / 2);
  for (long first = 0; first < n; first += kBlock) {
    const long rows = min_of(n - first, kBlock);
    pair_product(h.scores, keys, h.q + first * d, d, h.turned_k, up16(n), rows, n, d, false);
    float inverse[kBlock];
    for (long r = 0; r < rows; r += 16)
      store(inverse + r, softmax_rows(h.p + r * keys, lse + head * n + first + r, h.scores + r * keys,
                                      min_of(rows - r, 16), s, ahead));
    pair_product(h.out, d, h.p, keys, h.v, d, rows, s.size, keys, false);
    for (long r = 0; r < rows; r++) put_halves(to[first + r], h.out + r * d, s.size, splat(inverse[r]));
  }
}

struct BackwardPairs {
  bf16 *q, *k, *v, *dy, *turned_q, *turned_dy, *pairs_q, *pairs_k, *pairs_dy, *p, *ds, *pairs_ds, *rows_ds;
  float *scores, *dp, *dq, *dk, *dv;
  long bytes;
  BackwardPairs(void* scratch, const Sizes& s) {
    const long n = up32(s.tokens), d = up32(s.size), chunk = min_of(n, kPairChunk);
    Cutter c(scratch);
    bf16** inputs[] = {&q, &k, &v, &dy, &turned_q, &turned_dy, &pairs_q, &pairs_k, &pairs_dy};
    for (bf16** rows : inputs) *rows = c.take<bf16>(n * d);
    p = c.take<bf16>(n * chunk);
    ds = c.take<bf16>(n * chunk);
    pairs_ds = c.take<bf16>(n * kBlock);
    rows_ds = c.take<bf16>(n * kBlock);
    scores = c.take<float>(n * kBlock);
    dp = c.take<float>(n * kBlock);
    dq = c.take<float>(kBlock * d);
    dk = c.take<float>(n * d);
    dv = c.take<float>(n * d);
    bytes = c.bytes;
  }
};

/**
 * From S^T and dP^T of up to 32 queries, 16 lanes `vecs` times: rows of P^T and dS^T (without the factor 1/sqrt(Dh)) at
 * p and ds, `stride` apart, and dS^T by pairs of keys.
 */
inline void backward_rows(const BackwardPairs& h, const float* lse, long queries, bf16* p, bf16* ds, long stride,
                          const Sizes& s, Ahead& ahead) {
  const long n = s.tokens;
  vfloat dots[2] = {};
  for (long v = 0; v < 2; v++) {
    const long count = max_of(0, min_of(queries - 16 * v, 16));
    if (count == 0) {
      for (long j = 0; j < n; j++) {
        store(h.scores + j * kBlock + 16 * v, vfloat{});
        store(h.dp + j * kBlock + 16 * v, vfloat{});
      }
      continue;
    }
    vfloat shift = load_head(lse + 16 * v, count) * splat(-1.44269504088896341f), scale = splat(s.scale2), sum[2] = {};
    shift = select(lanes_below(static_cast<int>(count)), shift, splat(-100.0f));  // no query: finite, meets zeros
    for (long j = 0; j < n; j++) {
      float *x = h.scores + j * kBlock + 16 * v, *dp = h.dp + j * kBlock + 16 * v;
      vfloat e = exp2_of(fma(load(x), scale, shift));
      store(x, e);
      sum[j & 1] = fma(e, load(dp), sum[j & 1]);
    }
    dots[v] = sum[0] + sum[1];
  }
  for (long j = 0; j < up32(n); j += 2) {
    ahead.some();
    __m512i slopes[2] = {};
    for (long i = j; i < min_of(j + 2, n); i++) {
      const float *e = h.scores + i * kBlock, *dp = h.dp + i * kBlock;
      vfloat e0 = load(e), e1 = load(e + 16);
      store_halves(p + i * stride, e0, e1);
      slopes[i - j] = pair_row(e0 * (load(dp) - dots[0]), e1 * (load(dp + 16) - dots[1]));
      _mm512_storeu_si512(ds + i * stride, slopes[i - j]);
    }
    interleave(slopes[0], slopes[1], h.pairs_ds + j * kBlock, h.pairs_ds + j * kBlock + 32);
  }
}

inline void backward_pairs(bf16* dqkv, const bf16* dout, const bf16* qkv, const float* lse, const Sizes& s, long head,
                           void* scratch, Ahead& ahead) {
  const long n = s.tokens, keys = up32(n), columns = up16(n), d = up32(s.size);
  const BackwardPairs h(scratch, s);
  const RowsOf<bf16> dq = s.part(dqkv, head, 0), dk = s.part(dqkv, head, 1), dv = s.part(dqkv, head, 2);
  const RowsOf<const bf16> q = s.part(qkv, head, 0), k = s.part(qkv, head, 1), dy = s.outs(dout, head);
  copy_rows(h.q, q, n, s.size);
  copy_rows(h.k, k, n, s.size);
  copy_rows(h.v, s.part(qkv, head, 2), n, s.size);
  copy_rows(h.dy, dy, n, s.size);
  pair_rows(h.pairs_q, q, n, s.size);
  pair_rows(h.pairs_k, k, n, s.size);
  pair_rows(h.pairs_dy, dy, n, s.size);
  for (long i = 0; i < n; i += 16) {
    turn_pairs(h.turned_q + 2 * i, columns, h.q + i * d, d, d / 2);
    turn_pairs(h.turned_dy + 2 * i, columns, h.dy + i * d, d, d / 2);
  }
  for (long first = 0; first < n; first += kPairChunk) {
    const long chunk = up32(min_of(n - first, kPairChunk));
    for (long at = 0; at < chunk; at += kBlock) {
      const long query = first + at, queries = min_of(n - query, kBlock);
      pair_product(h.scores, kBlock, h.k, d, h.turned_q + 2 * query, columns, n, queries, d, false);
      pair_product(h.dp, kBlock, h.v, d, h.turned_dy + 2 * query, columns, n, queries, d, false);
      backward_rows(h, lse + head * n + query, queries, h.p + at, h.ds + at, chunk, s, ahead);
      for (long r = 0; r < queries; r += 16)
        for (long j = 0; j < keys; j += 32)
          turn_pairs(h.rows_ds + r * keys + j, keys / 2, h.pairs_ds + j * kBlock + 2 * r, 2 * kBlock, 16);
      pair_product(h.dq, d, h.rows_ds, keys, h.pairs_k, d, queries, s.size, keys, false);
      for (long r = 0; r < queries; r++) put_halves(dq[query + r], h.dq + r * d, s.size, splat(s.scale));
    }
    pair_product(h.dv, d, h.p, chunk, h.pairs_dy + first * d, d, n, s.size, chunk, first > 0);
    pair_product(h.dk, d, h.ds, chunk, h.pairs_q + first * d, d, n, s.size, chunk, first > 0);
  }
  for (long i = 0; i < n; i++) {
    put_halves(dv[i], h.dv + i * d, s.size, splat(1));
    put_halves(dk[i], h.dk + i * d, s.size, splat(s.scale));
  }
}

}  // namespace
#endif
