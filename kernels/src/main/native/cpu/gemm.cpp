// gemm.cpp: the linear layer, forward and both gradients, on one blocked matrix product.
//
//   C[m, n] = sum_k A[m, k] B[k, n]      A             B               C
//   forward          m rows, n out, k in    x             weight^T        y, with an epilogue
//   input gradient   m rows, n in, k out    dy            weight          dx
//   weight gradient  m out, n in, k rows    dy^T          x               dweight, added to
//
//   Micro-kernel  kMr x kNr values of C in registers (AVX-512 8x48, AVX2 4x24, base 4x8): per k, kNr values of B are
//                 loaded and kMr values of A broadcast.
//   Packing       B in panels of kNr columns, [k][kNr]; one block of kKc x kNc (590 KB) stays in L2, or in AVX2, whose
//                 CPUs have half of that, a panel in L1. A in panels of kMr rows (12, 4 KB). A with contiguous k is
//                 packed kMa rows at a time, in chunks [kMr][16], so that no pass transposes it; else kMaWeight rows,
//                 so that whole cache lines are read.
//   Tasks         tiles of C of at most kMc x kNc. The weight is packed once a call, by all threads; in the weight
//                 gradient every tile packs its own part of x, so its tiles are taller: kMcWeight x kNc.
//   Sums          each value of C is summed over k in order, in blocks cut by k alone. So neither the tiles nor the
//                 threads nor the other rows change a bit of it.
//   FLOPs         2 rows in out a pass. Goto and van de Geijn 2008, doi:10.1145/1356052.1356053.
#include "gemm_pack.h"
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
/** n cut into equal pieces of at most `most`, each a multiple of `unit`. */
inline long piece(long n, long most, long unit) { return round_up(ceil_div(n, ceil_div(n, most)), unit); }

/** The depth of a block of k. */
template <bool kChunked>
inline long depth_of(long k) {
  return piece(k, kChunked ? kKc : kKcWeight, kChunk);
}

/** Where a product of two panels goes: rows `stride` apart, what is added to it (nullable) `add_stride` apart. */
struct Target {
  float* to;
  long stride;
  const float* add;
  long add_stride;
};

/** The product of one panel of A and one of B: kMr rows of NV vectors. */
template <int NV, bool kChunked>
void multiply(const Target& t, const float* a, const float* b, long k) {
  vfloat sum[kMr][NV] = {};
  auto step = [&](const float* column, const float* from) __attribute__((always_inline)) {
    vfloat row[NV];
#pragma GCC unroll 3
    for (int v = 0; v < NV; v++) row[v] = load(from + v * kLanes);
    if constexpr (kAheadB > 0)
#pragma GCC unroll 3
      for (int v = 0; v < NV; v++) __builtin_prefetch(from + (kAheadB * NV + v) * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kMr; i++) {
      vfloat value = splat(column[kChunked ? i * kChunk : i]);
#pragma GCC unroll 3
      for (int v = 0; v < NV; v++) accumulate(sum[i][v], value, row[v]);
    }
  };
  for (; k >= kChunk; k -= kChunk, a += kMr * kChunk, b += kChunk * NV * kLanes)
#pragma GCC unroll 1
    for (int w = 0; w < kChunk; w += kUnroll)
#pragma GCC unroll 16
      for (int u = 0; u < kUnroll; u++) step(a + (w + u) * (kChunked ? 1 : kMr), b + (w + u) * NV * kLanes);
  for (int u = 0; u < k; u++) step(a + (kChunked ? u : u * kMr), b + u * NV * kLanes);
  if (t.add)
#pragma GCC unroll 8
    for (int i = 0; i < kMr; i++)
#pragma GCC unroll 3
      for (int v = 0; v < NV; v++) sum[i][v] += load(t.add + i * t.add_stride + v * kLanes);
#pragma GCC unroll 8
  for (int i = 0; i < kMr; i++)
#pragma GCC unroll 3
    for (int v = 0; v < NV; v++) store(t.to + i * t.stride + v * kLanes, sum[i][v]);
}

template <bool kChunked>
void multiply(int vectors, const Target& t, const float* a, const float* b, long k) {
  if (vectors == 1) multiply<1, kChunked>(t, a, b, k);
  if (vectors == 2) multiply<2, kChunked>(t, a, b, k);
  if constexpr (kNv == 3)
    if (vectors == 3) multiply<3, kChunked>(t, a, b, k);
}

/** Whether finish() would only add the bias or what C holds. */
inline bool is_sum(const Output<float>& out, bool first, bool last) {
  return out.kind == kWrite || out.kind == kAdd || (out.kind == kGelu ? !last : !first && !out.scale);
}

/** Then the product goes from registers to C. */
inline Target in_place(const Output<float>& out, long row, long col, bool first) {
  float* c = out.c + row * out.ldc + col;
  if (!first || out.kind == kAdd) return {c, out.ldc, c, out.ldc};
  return {c, out.ldc, out.bias ? out.bias + col : nullptr, 0};
}

struct Tiling {
  long m, n;  // of a tile
  long across, count;
  Tiling(long rows, long cols, long most, long parts) {
    m = piece(rows, most, kMr);
    n = piece(cols, kNc, kNr);
    while (m > kMcLeast && ceil_div(rows, m) * ceil_div(cols, n) * parts < kMinTasks) m = piece(rows, m / 2, kMr);
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
  long rows = min_of(tiles.m, p.m - i0), cols = min_of(tiles.n, p.n - j0);
  constexpr long kGroup = kChunked ? kMa : kMaWeight;
  const long depth = depth_of<kChunked>(p.k);
  float* a = static_cast<float*>(sk_thread_scratch(thread, (kGroup + kNc + kNr) * kKcWeight * 4));
  float* own = a + kGroup * kKcWeight;
  alignas(64) float result[kMr * kNr];
  for (long k0 = k_begin; k0 < k_end; k0 += depth) {
    long k = min_of(depth, k_end - k0);
    bool first = k0 == k_begin, last = k0 + k == k_end;
    if (!packed) pack_straight(own, p, k0, k, j0, cols);
    const float* b = packed ? packed + k0 * round_up(p.n, kLanes) + j0 * k : own;
    for (long g = 0; g < rows; g += kGroup) {
      long group = min_of(kGroup, rows - g);
      (kChunked ? pack_rows : pack_columns)(a, p, i0 + g, group, k0, k);
      if (sums && j0 == 0) add_columns(sums + i0 + g, a, group, k);
      const auto multiply_panels = [&](long i, long j) __attribute__((always_inline)) {
        const long row = i0 + g + i, col = j0 + j, m = min_of(kMr, group - i), n = min_of(kNr, cols - j);
        prefetch(p.out, row, col, m, n, first, last);
        const int vectors = panel_vectors(n);
        const bool direct = m == kMr && n == vectors * kLanes && is_sum(p.out, first, last);
        multiply<kChunked>(vectors, direct ? in_place(p.out, row, col, first) : Target{result, kNr, nullptr, 0},
                           a + i * round_up(k, kChunk), b + j * k, k);
        if (!direct) finish(p.out, result, kNr, row, col, m, n, first, last);
      };
      // Down the columns a panel of B stays in L1; but what an epilogue reads comes ahead of it only along the rows.
      if (kChunked && kMa > kMr && is_sum(p.out, first, last)) {
        for (long j = 0; j < cols; j += kNr)
          for (long i = 0; i < group; i += kMr) multiply_panels(i, j);
      } else {
        for (long i = 0; i < group; i += kMr)
          for (long j = 0; j < cols; j += kNr) multiply_panels(i, j);
      }
    }
  }
}

/** C = A B with A[m, k] = a[m * lda + k], B packed once. */
void run(const Product& p, bool transposed) {
  if (p.m <= 0 || p.n <= 0) return;
  long depth = depth_of<true>(p.k), padded = round_up(p.n, kLanes), across = ceil_div(p.n, kNc);
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
  long each = round_up(ceil_div(rows, parts), depth_of<false>(rows)), weights = p.m * p.n;
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
