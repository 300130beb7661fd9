// gemm_bf16.h: the linear layer on bf16 operands; sums in f32, each value of C rounded once.
//
//   C[m, n] = sum_k A[m, k] B[k, n]      A                    B by pairs of k (pairs.h)
//   forward          m rows, n out, k in    x, in place          weight, turned
//   input gradient   m rows, n in, k out    dy, in place         weight
//   weight gradient  m out, n in, k rows    dy^T, packed         x
//
//   Product       pairs.h: AMX tiles 16x16x32, or vdpbf16ps; below these sets the operands are widened and gemm.cpp
//                 multiplies them: right everywhere, as fast as f32
//   Packing       B once a call by all threads, in panels of kPanel columns [k/2][columns][2]; k is padded to 32 by
//                 zeros on both sides (0 * NaN of a neighbour is NaN: so A with a tail in k is copied, too)
//   Tasks         tiles of C of kTile rows x kPanel columns; k in blocks of kDepth: 32 rows of A (32 KB) stay in L1, a
//                 block of the panel (128 KB) in L2, sums (64 KB) in the thread's scratch
//   Sums          cut by k alone, in order: no bit depends on tiles, threads or other rows
//   Denormals     the multipliers take bf16 denormals for zero (Intel SDM, TDPBF16PS and VDPBF16PS)
#pragma once
#include "gemm_output.h"

#if defined(__AVX512BF16__)
#include "pairs.h"
#endif

namespace {

#if defined(__AVX512BF16__)

constexpr long kPanel = 128, kTile = 128, kDepth = 512, kPackDepth = 256;

/** B[k][n] from b[k * ldb + n], or turned: from b[n * ldb + k]. */
struct Right {
  const bf16* b;
  long ldb;
  bool turned;
};

/** Pairs of B[k0.., j0..]: to[depth/2][up32(cols)] pairs. */
void pack_right(bf16* to, const Right& from, long k0, long depth, long j0, long cols) {
  if (!from.turned) return pair_rows(to, RowsOf<const bf16>{from.b + k0 * from.ldb + j0, from.ldb}, depth, cols);
  const long width = up32(cols);
  for (long j = 0; j < width; j += 16)
    for (long k = 0; k < up32(depth); k += 32) {
      const bf16* source = from.b + (j0 + j) * from.ldb + k0 + k;
      long stride = from.ldb;
      alignas(64) bf16 edge[16 * 32];
      if (j + 16 > cols || k + 32 > depth || stride % 2) {
        for (long i = 0; i < 16; i++) {
          long n = j + i < cols ? depth - k : 0;
          _mm512_store_si512(edge + i * 32, n > 0 ? load_halves(source + i * stride, n) : __m512i{});
        }
        source = edge;
        stride = 32;
      }
      transpose(reinterpret_cast<float*>(to + k * width + 2 * j), width, reinterpret_cast<const float*>(source),
                stride / 2);
    }
}

/** Half of 32 values, widened. GCC 12 warns inside the forms without a mask. */
template <int kHalf>
inline vfloat half(__m512i values) {
  return widen((vhalf)_mm512_maskz_extracti64x4_epi64((__mmask8)-1, values, kHalf));
}

/** A[i][k] = a[k * lda + i] for 32 rows i from i0: to[32][stride] values, zeros outside; sums[i] (nullable) += its
 * sum. */
void pack_left(bf16* to, long stride, const bf16* a, long lda, long i0, long rows, long depth, float* sums) {
  alignas(64) int32_t pairs[16 * 32];
  vfloat low{}, high{};
  for (long k = 0; k < up32(depth); k += 32) {
    for (long u = 0; u < 32; u += 2) {
      const bf16* row = a + (k + u) * lda + i0;
      __m512i even = k + u < depth ? load_halves(row, rows - i0) : __m512i{};
      __m512i odd = k + u + 1 < depth ? load_halves(row + lda, rows - i0) : __m512i{};
      low += half<0>(even) + half<0>(odd);
      high += half<1>(even) + half<1>(odd);
      interleave(even, odd, pairs + u / 2 * 32, pairs + u / 2 * 32 + 16);
    }
    for (long side = 0; side < 32; side += 16)
      transpose(reinterpret_cast<float*>(to + side * stride + k), stride / 2, reinterpret_cast<float*>(pairs + side),
                32);
  }
  if (!sums) return;
  long n = rows - i0;
  put(sums + i0, get(sums + i0, static_cast<int>(min_of(16, n))) + low, static_cast<int>(min_of(16, n)));
  if (n > 16)
    put(sums + i0 + 16, get(sums + i0 + 16, static_cast<int>(min_of(16, n - 16))) + high,
        static_cast<int>(min_of(16, n - 16)));
}

/** C = A B. A's rows lie lda apart; rows of it may be read up to up32(k) values if `padded`, and up to up16(m) of them.
 */
template <typename T>
void multiply(const Output<T>& out, const bf16* a, long lda, bool padded, const Right& right, long m, long n, long k) {
  if (m <= 0 || n <= 0) return;
  const long whole_k = up32(k), panels = ceil_div(n, kPanel), blocks = ceil_div(whole_k, kPackDepth);
  bf16* packed = static_cast<bf16*>(sk_pool_scratch(0, (panels * kPanel) * whole_k * 2));
  parallel_for(panels * blocks, [&](long task, int) {
    long j0 = task / blocks * kPanel, k0 = task % blocks * kPackDepth, cols = min_of(kPanel, n - j0);
    pack_right(packed + j0 * whole_k + k0 * up32(cols), right, k0, min_of(kPackDepth, k - k0), j0, cols);
  });
  if (!padded && whole_k != k) {
    bf16* copy = static_cast<bf16*>(sk_pool_scratch(1, up16(m) * whole_k * 2));
    parallel_for(ceil_div(m, kTile), [&](long task, int) {
      long i0 = task * kTile;
      copy_rows(copy + i0 * whole_k, RowsOf<const bf16>{a + i0 * lda, lda}, min_of(kTile, m - i0), k);
    });
    a = copy;
    lda = whole_k;
    padded = true;
  }
  long height = kTile;
  while (height > 32 && ceil_div(m, height) * panels < 8) height /= 2;
  const long down = ceil_div(m, height);
  parallel_for(down * panels, [&](long task, int thread) {
    long j0 = task / down * kPanel, i0 = task % down * height;
    long rows = min_of(height, m - i0), cols = min_of(kPanel, n - j0), width = up32(cols);
    float* sums = static_cast<float*>(sk_thread_scratch(thread, kTile * kPanel * 4 + 16 * whole_k * 2));
    bf16* edge = reinterpret_cast<bf16*>(sums + kTile * kPanel);
    const bf16* left = a + i0 * lda;
    const long body = padded ? up16(rows) : rows / 16 * 16;  // rows that may be read in place
    if (body < rows) copy_rows(edge, RowsOf<const bf16>{left + body * lda, lda}, rows - body, k);
    const bf16* panel = packed + j0 * whole_k;
    {
      Tiles tiles;
      for (long k0 = 0; k0 < whole_k; k0 += kDepth) {
        long depth = min_of(kDepth, whole_k - k0);
        if (body) pair_product(sums, kPanel, left + k0, lda, panel + k0 * width, width, body, cols, depth, k0 > 0);
        if (body < rows)
          pair_product(sums + body * kPanel, kPanel, edge + k0, whole_k, panel + k0 * width, width, rows - body, cols,
                       depth, k0 > 0);
      }
    }
    finish(out, sums, kPanel, i0, j0, rows, cols, true, true);
  });
}

void forward(const Output<bf16>& y, const bf16* x, const bf16* weight, int rows, int in, int out) {
  multiply(y, x, in, false, {weight, in, true}, rows, out, in);
}
void backward_input(bf16* dx, const bf16* dy, const bf16* weight, int rows, int in, int out) {
  multiply(output(dx, in, kWrite, nullptr), dy, out, false, {weight, in, false}, rows, in, out);
}
void backward_weight(float* dweight, float* dbias, const bf16* dy, const bf16* x, int rows, int in, int out) {
  const long stride = up32(rows) + 32;  // a power of two would put all rows of a tile into the same lines of L1
  bf16* left = static_cast<bf16*>(sk_pool_scratch(1, round_up(out, 32) * stride * 2));
  parallel_for(ceil_div(out, 32), [&](long task, int) {
    pack_left(left + task * 32 * stride, stride, dy, out, task * 32, out, rows, dbias);
  });
  multiply(output(dweight, in, kAdd, nullptr), left, stride, true, {x, in, false}, out, in, rows);
}

#else

/** n bf16 values as f32 in the pool's scratch. */
float* widened(int slot, const bf16* x, long n) {
  float* wide = static_cast<float*>(sk_pool_scratch(slot, n * 4));
  parallel_range(n, 1 << 14, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) { put(wide + i, get(x + i, count), count); });
  });
  return wide;
}
void narrow(bf16* y, const float* wide, long n) {
  parallel_range(n, 1 << 14, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) { put(y + i, get(wide + i, count), count); });
  });
}

constexpr int kSlotLeft = 2, kSlotRight = 3, kSlotOut = 4, kSlotExtra = 5;

void forward(const Output<bf16>& y, const bf16* x, const bf16* weight, int rows, int in, int out) {
  const long count = static_cast<long>(rows) * out;
  Output<float> wide{static_cast<float*>(sk_pool_scratch(kSlotOut, count * 4)), out, y.kind, y.bias};
  wide.scale = y.scale;
  wide.rows_per_sample = y.rows_per_sample;
  if (y.residual) wide.residual = widened(kSlotExtra, y.residual, count);
  if (y.pre) wide.pre = static_cast<float*>(sk_pool_scratch(kSlotExtra, count * 4));
  forward(wide, widened(kSlotLeft, x, static_cast<long>(rows) * in),
          widened(kSlotRight, weight, static_cast<long>(in) * out), rows, in, out);
  narrow(y.c, wide.c, count);
  if (y.pre) narrow(y.pre, wide.pre, count);
}
void backward_input(bf16* dx, const bf16* dy, const bf16* weight, int rows, int in, int out) {
  const long count = static_cast<long>(rows) * in;
  float* wide = static_cast<float*>(sk_pool_scratch(kSlotOut, count * 4));
  backward_input(wide, widened(kSlotLeft, dy, static_cast<long>(rows) * out),
                 widened(kSlotRight, weight, static_cast<long>(in) * out), rows, in, out);
  narrow(dx, wide, count);
}
void backward_weight(float* dweight, float* dbias, const bf16* dy, const bf16* x, int rows, int in, int out) {
  backward_weight(dweight, dbias, widened(kSlotLeft, dy, static_cast<long>(rows) * out),
                  widened(kSlotRight, x, static_cast<long>(rows) * in), rows, in, out);
}

#endif
}  // namespace
