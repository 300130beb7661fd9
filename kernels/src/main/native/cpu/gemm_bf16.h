// gemm_bf16.h: the linear layer on bf16 operands; sums in f32, each value of C rounded once.
//
//   C[m, n] = sum_k A[m, k] B[k, n]      A                    B by pairs of k (pairs.h)
//   forward          m rows, n out, k in    x                    weight, turned
//   input gradient   m rows, n in, k out    dy                   weight
//   weight gradient  m out, n in, k rows    dy^T, packed         x
//
//   Product       pairs.h: AMX tiles 16x16x32, or vdpbf16ps; below these sets the operands are widened and gemm.cpp
//                 multiplies them: right everywhere, as fast as f32
//   Tasks         height x width of C (Cut). A task packs its own block of B, at most kBlockBytes, in panels of kPanel
//                 columns [k/2][columns][2]: so B comes from memory once, and stays in L2 while strips of kStrip rows
//                 of A pass by. k in blocks of kDepth: 32 rows of A (32 KB) stay in L1
//   A             short rows are read in place, the next strip asked for meanwhile; long ones are copied a strip at a
//                 time; k is padded to 32 by zeros on both sides (0 * NaN of a neighbour is NaN)
//   C             whole cache lines of a large C go past the caches: a store that misses would wait for its line
//   Sums          cut by k alone, in order, a weight gradient's in parts of at most kPart rows: no bit depends on
//   tasks,
//                 threads or other rows
//   Denormals     the multipliers take bf16 denormals for zero (Intel SDM, TDPBF16PS and VDPBF16PS)
#pragma once
#include "gemm_output.h"
#include "stores.h"

#if defined(__AVX512BF16__)
#include "pairs.h"
#endif

namespace {

#if defined(__AVX512BF16__)

constexpr long kPanel = 32, kStrip = 32, kDepth = 512, kDeep = 1024;
constexpr long kBlockBytes = 1 << 20, kWidest = 512, kStraight = 768;
constexpr long kPairTasks = 8, kTaskMegas = 64, kLeftStrips = 8;
constexpr long kAheadPack = 128;  // values of a row that packing fetches ahead
constexpr long kPart = 1536;      // rows that a weight gradient sums at once

/** B[k][n] from b[k * ldb + n], or turned: from b[n * ldb + k]. */
struct Right {
  const bf16* b;
  long ldb;
  bool turned;
};

/** Pairs of B[k0.., j0..] to panels that lie `panel` values apart: to[depth/2][kPanel] pairs each, zeros outside. */
void pack_right(bf16* to, long panel, const Right& from, long k0, long depth, long j0, long cols) {
  if (!from.turned) {
    for (long k = 0; k < up32(depth); k += 2) {
      const bf16* row = from.b + (k0 + k) * from.ldb + j0;
      for (long j = 0; j < cols; j += kPanel) {
        __builtin_prefetch(row + 8 * from.ldb + j, 0, 2);
        __builtin_prefetch(row + 9 * from.ldb + j, 0, 2);
        __m512i even = k < depth ? load_halves(row + j, cols - j) : __m512i{};
        __m512i odd = k + 1 < depth ? load_halves(row + from.ldb + j, cols - j) : __m512i{};
        bf16* at = to + j / kPanel * panel + k * kPanel;
        interleave(even, odd, at, at + kPanel);
      }
    }
    return;
  }
  for (long j = 0; j < up32(cols); j += kPanel)
    for (long k = 0; k < up32(depth); k += 32) {
      const bf16* row = from.b + (j0 + j) * from.ldb + k0 + k;
      bf16* at = to + j / kPanel * panel + k * kPanel;
      for (long i = 0; i < kPanel; i++) __builtin_prefetch(row + i * from.ldb + kAheadPack);
      for (long side = 0; side < kPanel; side += 16) {
        const bf16* source = row + side * from.ldb;
        long stride = from.ldb;
        alignas(64) bf16 edge[16 * 32];
        if (j + side + 16 > cols || k + 32 > depth || stride % 2) {
          for (long i = 0; i < 16; i++) {
            long n = j + side + i < cols ? depth - k : 0;
            _mm512_store_si512(edge + i * 32, n > 0 ? load_halves(source + i * stride, n) : __m512i{});
          }
          source = edge;
          stride = 32;
        }
        transpose(reinterpret_cast<float*>(at + 2 * side), kPanel, reinterpret_cast<const float*>(source), stride / 2);
      }
    }
}

/** Half of 32 values, widened. GCC 12 warns inside the forms without a mask. */
template <int kHalf>
inline vfloat half(__m512i values) {
  return widen((vhalf)_mm512_maskz_extracti64x4_epi64((__mmask8)-1, values, kHalf));
}

/**
 * Columns [i0, i0 + cols) of a as rows of A: strips of 32, [k/32][32][32] each, whole_k * 32 values apart; zeros
 * outside. sums[i] (nullable) += the sum of column i.
 */
void pack_left(bf16* to, const bf16* a, long lda, long i0, long cols, long depth, float* sums) {
  const long strip = kStrip * up32(depth);
  alignas(64) int32_t pairs[16 * 32];
  vfloat low[kLeftStrips] = {}, high[kLeftStrips] = {};
  for (long k = 0; k < up32(depth); k += 32)
    for (long s = 0; s * kStrip < cols; s++) {
      const long left = cols - s * kStrip;
      for (long u = 0; u < 32; u += 2) {
        const bf16* row = a + (k + u) * lda + i0 + s * kStrip;
        __builtin_prefetch(row + 32 * lda, 0, 2);
        __builtin_prefetch(row + 33 * lda, 0, 2);
        __m512i even = k + u < depth ? load_halves(row, left) : __m512i{};
        __m512i odd = k + u + 1 < depth ? load_halves(row + lda, left) : __m512i{};
        low[s] += half<0>(even) + half<0>(odd);
        high[s] += half<1>(even) + half<1>(odd);
        interleave(even, odd, pairs + u / 2 * 32, pairs + u / 2 * 32 + 16);
      }
      bf16* at = to + s * strip + k * kStrip;
      for (long side = 0; side < 32; side += 16)
        transpose(reinterpret_cast<float*>(at + side * 32), 16, reinterpret_cast<float*>(pairs + side), 32);
    }
  for (long s = 0; sums && s * kStrip < cols; s++)
    for (long side = 0; side < 2; side++) {
      const int n = static_cast<int>(min_of(16, cols - s * kStrip - 16 * side));
      float* sum = sums + i0 + s * kStrip + 16 * side;
      if (n > 0) put(sum, get(sum, n) + (side ? high[s] : low[s]), n);
    }
}

/** 32 values, rounded, to a whole cache line; past the caches if `stream`. */
inline void put_line(bf16* to, vfloat low, vfloat high, bool stream) {
  constexpr int kDenormal = 0x20;
  __m512i line;
  if (__builtin_expect(_mm512_fpclass_ps_mask((__m512)low, kDenormal) | _mm512_fpclass_ps_mask((__m512)high, kDenormal),
                       0)) {
    vhalf both[2] = {round_to_bf16(low), round_to_bf16(high)};
    __builtin_memcpy(&line, both, 64);
  } else {
    line = pair_row(low, high);
  }
  stream ? _mm512_stream_si512(reinterpret_cast<__m512i*>(to), line) : _mm512_store_si512(to, line);
}

/** finish() for 32 columns of bf16 that are whole cache lines. */
template <Kind kKind>
inline void finish_lines(const Output<bf16>& out, const float* sums, long stride, long row, long col, long rows,
                         bool stream) {
  const vfloat bias[2] = {out.bias ? load(out.bias + col) : vfloat{}, out.bias ? load(out.bias + col + 16) : vfloat{}};
  for (long i = 0; i < rows; i++, sums += stride) {
    const long at = (row + i) * out.ldc + col;
    vfloat v[2] = {load(sums) + bias[0], load(sums + 16) + bias[1]};
    if constexpr (kKind == kResidual) {
      const vfloat scale = splat(out.scale ? out.scale[(row + i) / out.rows_per_sample] : 1.0f);
      for (int h = 0; h < 2; h++) v[h] = fma(v[h], scale, load(out.residual + at + 16 * h));
    }
    if constexpr (kKind == kGelu) {
      if (out.pre) put_line(out.pre + at, v[0], v[1], stream);
      for (int h = 0; h < 2; h++) v[h] = vgelu(v[h]);
    }
    put_line(out.c + at, v[0], v[1], stream);
  }
}

inline bool whole_lines(const Output<bf16>& out) {
  auto odd = [](const void* p) { return reinterpret_cast<uintptr_t>(p) % 64 != 0; };
  return !(out.ldc % 32 || odd(out.c) || odd(out.pre));
}
inline bool whole_lines(const Output<float>&) { return false; }

inline void finish_panel(const Output<bf16>& out, const float* sums, long stride, long row, long col, long rows,
                         long cols, bool lines, bool stream) {
  if (!lines || cols != kPanel) return finish(out, sums, stride, row, col, rows, cols, true, true);
  if (out.kind == kGelu) return finish_lines<kGelu>(out, sums, stride, row, col, rows, stream);
  if (out.kind == kResidual) return finish_lines<kResidual>(out, sums, stride, row, col, rows, stream);
  finish_lines<kWrite>(out, sums, stride, row, col, rows, stream);
}
inline void finish_panel(const Output<float>& out, const float* sums, long stride, long row, long col, long rows,
                         long cols, bool, bool) {
  finish(out, sums, stride, row, col, rows, cols, true, true);
}

/** Values [k, k + depth) of up to 32 rows of A: to[32][stride], zeros outside. */
inline void copy_left(bf16* to, long stride, const bf16* a, long lda, long rows, long depth) {
  for (long i = 0; i < kStrip; i++)
    for (long k = 0; k < depth; k += 32)
      _mm512_storeu_si512(to + i * stride + k, i < rows ? load_halves(a + i * lda + k, depth - k) : __m512i{});
}

/**
 * Tasks of height x width of C. Each packs a block of B that fits into L2 beside what passes through; cutting columns
 * reads A once more, cutting rows packs B once more, which costs twice as much a value (measured).
 */
struct Cut {
  long width, height;
  Cut(long m, long n, long k) {
    const long tasks = max_of(2, min_of(kPairTasks, m * n / 1024 * k / 1024 / kTaskMegas));
    const long least = ceil_div(n, max_of(kPanel, min_of(kWidest, kBlockBytes / 2 / k / kPanel * kPanel)));
    long across = least;
    auto cost = [&](long a) { return a * m + 2 * ceil_div(tasks, a) * n; };
    for (long a = least + 1; a <= tasks; a++)
      if (cost(a) < cost(across)) across = a;
    width = piece(n, ceil_div(n, across), kPanel);
    height = piece(m, ceil_div(m, ceil_div(tasks, across)), kStrip);
  }
};

/** C = A B. A's rows lie lda apart; if lda is 0, A is in strips as pack_left makes them. */
template <typename T>
void multiply(const Output<T>& out, const bf16* a, long lda, const Right& right, long m, long n, long k) {
  if (m <= 0 || n <= 0) return;
  const long whole_k = up32(k), panel = kPanel * whole_k;
  const Cut cut(m, n, whole_k);
  const long width = cut.width, height = cut.height, stride = width + 16, deep = piece(whole_k, kDeep, 32);
  const long depth = piece(deep, kDepth, 32), down = ceil_div(m, height);
  const bool lines = whole_lines(out), stream = m * n * 2 >= kStreamBytes;
  parallel_for(down * ceil_div(n, width), [&](long task, int thread) {
    const long j0 = task / down * width, i0 = task % down * height;
    const long rows = min_of(height, m - i0), cols = min_of(width, n - j0);
    bf16* b =
        static_cast<bf16*>(sk_thread_scratch(thread, width * whole_k * 2 + kStrip * (stride * 4 + (kDeep + 32) * 2)));
    bf16* own = b + width * whole_k;
    float* sums = reinterpret_cast<float*>(own + kStrip * (kDeep + 32));
    pack_right(b, panel, right, 0, k, j0, cols);
    Tiles tiles;
    for (long i = 0; i < rows; i += kStrip) {
      const long count = min_of(kStrip, rows - i);
      const bf16* strip = a + (i0 + i) * (lda ? lda : whole_k);
      // A long row's lines share few sets of L1, and a tile reads 16 whole rows.
      const bool copied = lda > kStraight || (lda && (k % 32 || count % 16));
      Fetch fetch{reinterpret_cast<const char*>(strip + kStrip * (lda ? lda : whole_k)),
                  copied ? 0 : ceil_div(1024, cols)};  // the next strip
      for (long deep0 = 0; deep0 < whole_k; deep0 += deep) {
        const long end = min_of(whole_k, deep0 + deep);
        if (copied) copy_left(own, kDeep + 32, strip + deep0, lda, count, min_of(end, k) - deep0);
        for (long k0 = deep0; k0 < end; k0 += depth) {
          const bf16* left = copied ? own + k0 - deep0 : strip + (lda ? k0 : k0 * kStrip);
          const long left_stride = copied ? kDeep + 32 : lda ? lda : 32, left_step = lda ? 32 : 32 * kStrip;
          for (long j = 0; j < cols; j += kPanel)
            pair_product(sums + j, stride, left, left_stride, b + j / kPanel * panel + k0 * kPanel, kPanel, count,
                         min_of(kPanel, cols - j), min_of(depth, end - k0), k0 > 0, left_step, fetch);
        }
      }
      for (long j = 0; j < cols; j += kPanel)
        finish_panel(out, sums + j, stride, i0 + i, j0 + j, count, min_of(kPanel, cols - j), lines, stream);
    }
    if (stream) _mm_sfence();
  });
}

void forward(const Output<bf16>& y, const bf16* x, const bf16* weight, int rows, int in, int out) {
  multiply(y, x, in, {weight, in, true}, rows, out, in);
}
void backward_input(bf16* dx, const bf16* dy, const bf16* weight, int rows, int in, int out) {
  multiply(output(dx, in, kWrite, nullptr), dy, out, {weight, in, false}, rows, in, out);
}
void backward_weight(float* dweight, float* dbias, const bf16* dy, const bf16* x, int rows, int in, int out) {
  const long most = piece(rows, kPart, 32), group = kLeftStrips * kStrip;
  bf16* left = static_cast<bf16*>(sk_pool_scratch(1, round_up(out, kStrip) * most * 2));
  for (long k0 = 0; k0 < rows; k0 += most) {
    const long k = min_of(most, rows - k0);
    parallel_for(ceil_div(out, group), [&](long task, int) {
      pack_left(left + task * group * up32(k), dy + k0 * out, out, task * group, min_of(group, out - task * group), k,
                dbias);
    });
    multiply(output(dweight, in, kAdd, nullptr), left, 0, {x + k0 * in, in, false}, out, in, k);
  }
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
