// gemm.cpp: the linear layer, forward and both gradients, on one blocked matrix product.
//
//   C[m, n] = sum_k A[m, k] B[k, n]      A             B               C
//   forward          m rows, n out, k in    x             weight^T        y, with an epilogue
//   input gradient   m rows, n in, k out    dy            weight          dx
//   weight gradient  m out, n in, k rows    dy^T          x               dweight, added to
//
//   Micro-kernel  kMr x kNr values of C in registers (AVX-512 8x48, AVX2 4x24, base 4x8): per k, kNr values of B are
//                 loaded and kMr values of A broadcast.
//   Packing       B in panels of kNr columns, [k][kNr]; one block of kKc x kNc (590 KB) stays in L2. A in panels of kMr
//                 rows, kMa rows at a time (74 KB); one panel (12 KB) stays in L1. A with contiguous k is packed in
//                 chunks [kMr][16], so that no pass transposes it.
//   Tasks         tiles of C of at most kMc x kNc. The weight is packed once a call, by all threads; in the weight
//                 gradient every tile packs its own part of x, so its tiles are taller: kMcWeight x kNc.
//   Sums          each value of C is summed over k in order, in blocks cut by k alone. So neither the tiles nor the
//                 threads nor the other rows change a bit of it.
//   FLOPs         2 rows in out a pass. Goto and van de Geijn 2008, doi:10.1145/1356052.1356053.
#include "gemm_output.h"
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
constexpr int kMr = kLanes == 16 ? 8 : 4, kNv = kLanes == 4 ? 2 : 3, kNr = kNv * kLanes;
constexpr long kChunk = 16, kMa = 48, kMc = 384, kMcWeight = 768, kNc = 384, kKc = 384;
constexpr long kLine = 16, kAhead = 12;  // floats of a cache line; rows that packing prefetches ahead
constexpr long kMinTasks = 8;            // per product; also the least number that weight gradients are split for
constexpr long kSplitRows = 512;         // rows of one part of a split weight gradient, at least

struct Product {
  const float *a, *b;
  long m, n, k, lda, ldb;
  Output<float> out;
};

/** n cut into equal pieces of at most `most`, each a multiple of `unit`. */
inline long piece(long n, long most, long unit) { return round_up(ceil_div(n, ceil_div(n, most)), unit); }

/** The product of one panel of A and one of B: tile [kMr, kNr] (its first NV vectors a row). */
template <int NV, bool kChunked>
void multiply(float* tile, const float* a, const float* b, long k) {
  vfloat sum[kMr][NV] = {};
  auto step = [&](const float* column) __attribute__((always_inline)) {
    vfloat row[NV];
#pragma GCC unroll 3
    for (int v = 0; v < NV; v++) row[v] = load(b + v * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kMr; i++) {
      vfloat value = splat(column[kChunked ? i * kChunk : i]);
#pragma GCC unroll 3
      for (int v = 0; v < NV; v++) sum[i][v] = fma(value, row[v], sum[i][v]);
    }
    b += NV * kLanes;
  };
  for (; k >= kChunk; k -= kChunk, a += kMr * kChunk)
#pragma GCC unroll 4
    for (int u = 0; u < kChunk; u++) step(a + (kChunked ? u : u * kMr));
  for (int u = 0; u < k; u++) step(a + (kChunked ? u : u * kMr));
#pragma GCC unroll 8
  for (int i = 0; i < kMr; i++)
#pragma GCC unroll 3
    for (int v = 0; v < NV; v++) store(tile + i * kNr + v * kLanes, sum[i][v]);
}

template <bool kChunked>
void multiply(int vectors, float* tile, const float* a, const float* b, long k) {
  if (vectors == 1) multiply<1, kChunked>(tile, a, b, k);
  if (vectors == 2) multiply<2, kChunked>(tile, a, b, k);
  if constexpr (kNv == 3)
    if (vectors == 3) multiply<3, kChunked>(tile, a, b, k);
}

/** to[k][lane] = from[lane][k] for a square of kLanes. */
inline void transpose(float* to, long to_stride, const float* from, long from_stride) {
  vfloat x[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; i++) x[i] = load(from + i * from_stride);
#pragma GCC unroll 4
  for (int step = 1; step < kLanes; step *= 2) {
    vint low, high;
    for (int l = 0; l < kLanes; l++) {
      low[l] = l & step ? l - step + kLanes : l;
      high[l] = l & step ? l + kLanes : l + step;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; i++)
      if (!(i & step)) {
        vfloat a = x[i], b = x[i + step];
        x[i] = __builtin_shuffle(a, b, low);
        x[i + step] = __builtin_shuffle(a, b, high);
      }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; i++) store(to + i * to_stride, x[i]);
}

inline int panel_vectors(long cols) { return static_cast<int>(min_of(kNv, ceil_div(cols, kLanes))); }

/** Packs B[k0.., j0..], B[k, n] = b[n * ldb + k]. */
void pack_transposed(float* to, const Product& p, long k0, long k, long j0, long cols) {
  for (long j = 0; j < cols; j += kNr, to += k * kNr) {
    long width = panel_vectors(cols - j) * kLanes;
    for (long v = 0; v < width; v += kLanes) {
      const float* from = p.b + (j0 + j + v) * p.ldb + k0;
      long lanes = min_of(kLanes, cols - j - v), u = 0;
      if (lanes == kLanes)
        for (; u + kLanes <= k; u += kLanes) transpose(to + u * width + v, width, from + u, p.ldb);
      for (; u < k; u++)
        for (long l = 0; l < kLanes; l++) to[u * width + v + l] = l < lanes ? from[l * p.ldb + u] : 0.0f;
    }
  }
}

/** Packs B[k0.., j0..], B[k, n] = b[k * ldb + n]. */
void pack_straight(float* to, const Product& p, long k0, long k, long j0, long cols) {
  for (long u = 0; u < k; u++) {
    const float* from = p.b + (k0 + u) * p.ldb + j0;
    for (long j = 0; j < cols; j += kNr) {
      long width = panel_vectors(cols - j) * kLanes;
      float* row = to + j * k + u * width;
      for (long v = 0; v < width; v += kLine) __builtin_prefetch(from + 2 * p.ldb + j + v);
      for (long v = 0; v < width; v += kLanes)
        store(row + v, j + v + kLanes <= cols ? load(from + j + v) : load_head(from + j + v, cols - j - v));
    }
  }
}

/** Packs rows [i0, i0 + rows) of A, A[m, k] = a[m * lda + k], into panels of chunks [kMr][16]. */
void pack_rows(float* to, const Product& p, long i0, long rows, long k0, long k) {
  for (long i = 0; i < round_up(rows, kMr); i++) {
    const float* from = p.a + (i0 + i) * p.lda + k0;
    float* row = to + i / kMr * kMr * round_up(k, kChunk) + i % kMr * kChunk;
    for (long u = 0; u < k; u += kChunk, row += kMr * kChunk)
      for (long v = 0; v < kChunk; v += kLanes) {
        if (v == 0) __builtin_prefetch(from + 2 * p.lda + u);
        long n = i < rows ? max_of(0, min_of(kLanes, k - u - v)) : 0;
        store(row + v, n == kLanes ? load(from + u + v) : load_head(from + u + v, n));
      }
  }
}

/** Packs rows [i0, i0 + rows) of A, A[m, k] = a[k * lda + m], into panels [k][kMr]. */
void pack_columns(float* to, const Product& p, long i0, long rows, long k0, long k) {
  for (long u = 0; u < k; u++) {
    const float* from = p.a + (k0 + u) * p.lda + i0;
    for (long i = 0; i < rows; i += kLine) __builtin_prefetch(from + kAhead * p.lda + i);
    for (long i = 0; i < rows; i += kMr) {
      float* column = to + i * round_up(k, kChunk) + u * kMr;
      if (i + kMr <= rows)
        __builtin_memcpy(column, from + i, kMr * 4);
      else
        for (long l = 0; l < kMr; l++) column[l] = i + l < rows ? from[i + l] : 0.0f;
    }
  }
}

/** sums[m] += the sum over k of packed columns, in four interleaved parts. */
void add_columns(float* sums, const float* packed, long rows, long k) {
  for (long i = 0; i < rows; i += kMr) {
    const float* panel = packed + i * round_up(k, kChunk);
    float part[4][kMr] = {};
    long u = 0;
    for (; u + 4 <= k; u += 4)
      for (int q = 0; q < 4; q++)
        for (int l = 0; l < kMr; l++) part[q][l] += panel[(u + q) * kMr + l];
    for (; u < k; u++)
      for (int l = 0; l < kMr; l++) part[u & 3][l] += panel[u * kMr + l];
    for (long l = 0; l < min_of(kMr, rows - i); l++)
      sums[i + l] += (part[0][l] + part[1][l]) + (part[2][l] + part[3][l]);
  }
}

struct Tiling {
  long m, n;  // of a tile
  long across, count;
  Tiling(long rows, long cols, long most, long parts) {
    m = piece(rows, most, kMr);
    n = piece(cols, kNc, kNr);
    while (m > 2 * kMa && ceil_div(rows, m) * ceil_div(cols, n) * parts < kMinTasks) m = piece(rows, m / 2, kMr);
    across = ceil_div(cols, n);
    count = across * ceil_div(rows, m);
  }
};

/**
 * One tile of C over k in [k_begin, k_end). `packed` is all of B, or null: then the tile packs its part. `sums`
 * (nullable) gets the row sums of A.
 */
template <bool kChunked>
void tile(const Product& p, const Tiling& tiles, long task, int thread, const float* packed, float* sums, long k_begin,
          long k_end) {
  long i0 = task / tiles.across * tiles.m, j0 = task % tiles.across * tiles.n;
  long rows = min_of(tiles.m, p.m - i0), cols = min_of(tiles.n, p.n - j0), depth = piece(p.k, kKc, kChunk);
  float* a = static_cast<float*>(sk_thread_scratch(thread, (kMa * kKc + (kNc + kNr) * kKc) * 4));
  float* own = a + kMa * kKc;
  alignas(64) float result[kMr * kNr];
  for (long k0 = k_begin; k0 < k_end; k0 += depth) {
    long k = min_of(depth, k_end - k0);
    bool first = k0 == k_begin, last = k0 + k == k_end;
    if (!packed) pack_straight(own, p, k0, k, j0, cols);
    const float* b = packed ? packed + k0 * round_up(p.n, kLanes) + j0 * k : own;
    for (long g = 0; g < rows; g += kMa) {
      long group = min_of(kMa, rows - g);
      (kChunked ? pack_rows : pack_columns)(a, p, i0 + g, group, k0, k);
      if (sums && j0 == 0) add_columns(sums + i0 + g, a, group, k);
      for (long i = 0; i < group; i += kMr)
        for (long j = 0; j < cols; j += kNr) {
          prefetch(p.out, i0 + g + i, j0 + j, min_of(kMr, group - i), min_of(kNr, cols - j), first);
          multiply<kChunked>(panel_vectors(cols - j), result, a + i * round_up(k, kChunk), b + j * k, k);
          finish(p.out, result, kNr, i0 + g + i, j0 + j, min_of(kMr, group - i), min_of(kNr, cols - j), first, last);
        }
    }
  }
}

/** C = A B with A[m, k] = a[m * lda + k], B packed once. */
void run(const Product& p, bool transposed) {
  if (p.m <= 0 || p.n <= 0) return;
  long depth = piece(p.k, kKc, kChunk), padded = round_up(p.n, kLanes), across = ceil_div(p.n, kNc);
  float* packed = static_cast<float*>(sk_pool_scratch(0, padded * p.k * 4));
  parallel_for(across * ceil_div(p.k, depth), [&](long task, int) {
    long j0 = task % across * kNc, k0 = task / across * depth, k = min_of(depth, p.k - k0);
    (transposed ? pack_transposed : pack_straight)(packed + k0 * padded + j0 * k, p, k0, k, j0, min_of(kNc, p.n - j0));
  });
  Tiling tiles(p.m, p.n, kMc, 1);
  parallel_for(tiles.count,
               [&](long task, int thread) { tile<true>(p, tiles, task, thread, packed, nullptr, 0, p.k); });
}

void weight_gradient(const Product& p, float* dbias) {
  long least = ceil_div(p.m, kMcWeight) * ceil_div(p.n, kNc), rows = p.k;
  long parts = least >= kMinTasks ? 1 : min_of(ceil_div(2 * kMinTasks, least), ceil_div(rows, kSplitRows));
  Tiling tiles(p.m, p.n, kMcWeight, parts);
  if (parts <= 1) {
    parallel_for(tiles.count,
                 [&](long task, int thread) { tile<false>(p, tiles, task, thread, nullptr, dbias, 0, rows); });
    return;
  }
  // Few values of C, many rows: parts of the rows, each to a C and a bias gradient of its own, then added up in order.
  long each = round_up(ceil_div(rows, parts), piece(rows, kKc, kChunk)), weights = p.m * p.n;
  parts = ceil_div(rows, each);
  float* partial = static_cast<float*>(sk_pool_scratch(1, parts * (weights + p.m) * 4));
  parallel_for(parts * tiles.count, [&](long task, int thread) {
    long part = task / tiles.count, t = task % tiles.count;
    Product q = p;
    q.out.c = partial + part * weights;
    q.out.kind = kWrite;
    float* sums = partial + parts * weights + part * p.m;
    if (t % tiles.across == 0)
      for (long i = t / tiles.across * tiles.m; i < min_of(p.m, (t / tiles.across + 1) * tiles.m); i++) sums[i] = 0.0f;
    tile<false>(q, tiles, t, thread, nullptr, sums, part * each, min_of(rows, (part + 1) * each));
  });
  auto add = [&](float* to, const float* from, long n) {
    parallel_range(n, 1 << 13, [=](long begin, long end) {
      for (long i = begin; i < end; i++) {
        float sum = from[i];
        for (long part = 1; part < parts; part++) sum += from[part * n + i];
        to[i] += sum;
      }
    });
  };
  add(p.out.c, partial, weights);
  if (dbias) add(dbias, partial + parts * weights, p.m);
}

/** y [rows, out] = x [rows, in] weight [out, in]^T, and what `y` says. */
void forward(const Output<float>& y, const float* x, const float* weight, int rows, int in, int out) {
  run({x, weight, rows, out, in, in, in, y}, true);
}
void backward_input(float* dx, const float* dy, const float* weight, int rows, int in, int out) {
  run({dy, weight, rows, in, out, out, in, {dx, in}}, false);
}
void backward_weight(float* dweight, float* dbias, const float* dy, const float* x, int rows, int in, int out) {
  weight_gradient({dy, x, out, in, rows, out, in, {dweight, in, kAdd}}, dbias);
}
}  // namespace

#include "gemm_bf16.h"

extern "C" {
void SK(linear_forward)(sk_any y, sk_cany x, sk_cany weight, sk_cf32 bias, int rows, int in, int out, int dtype) {
  with_storage(dtype, [=](auto as) { forward(output(as(y), out, kWrite, bias), as(x), as(weight), rows, in, out); });
}

void SK(linear_gelu_forward)(sk_any y, sk_any pre, sk_cany x, sk_cany weight, sk_cf32 bias, int rows, int in, int out,
                             int dtype) {
  with_storage(dtype, [=](auto as) {
    auto gelu = output(as(y), out, kGelu, bias);
    gelu.pre = as(pre);
    forward(gelu, as(x), as(weight), rows, in, out);
  });
}

void SK(linear_residual_forward)(sk_any y, sk_cany x, sk_cany weight, sk_cf32 bias, sk_cany residual, sk_cf32 scale,
                                 int rows, int in, int out, int rows_per_sample, int dtype) {
  with_storage(dtype, [=](auto as) {
    auto sum = output(as(y), out, kResidual, bias);
    sum.residual = as(residual);
    sum.scale = scale;
    sum.rows_per_sample = rows_per_sample;
    forward(sum, as(x), as(weight), rows, in, out);
  });
}

void SK(linear_backward_input)(sk_any dx, sk_cany dy, sk_cany weight, int rows, int in, int out, int dtype) {
  with_storage(dtype, [=](auto as) { backward_input(as(dx), as(dy), as(weight), rows, in, out); });
}

void SK(linear_backward_weight)(sk_f32 dweight, sk_f32 dbias, sk_cany dy, sk_cany x, int rows, int in, int out,
                                int dtype) {
  with_storage(dtype, [=](auto as) { backward_weight(dweight, dbias, as(dy), as(x), rows, in, out); });
}
}
