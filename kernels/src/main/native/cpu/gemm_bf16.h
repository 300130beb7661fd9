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
//                 of A pass by. k in blocks of kDepth: 32 rows of A (16 KB) stay in L1 beside a panel of B
//   A             short rows are read in place, the next strip asked for meanwhile; long ones are copied a strip at a
//                 time; k is padded to 32 by zeros on both sides (0 * NaN of a neighbour is NaN)
//   C             whole cache lines of a large C go past the caches: a store that misses would wait for its line
//   Sums          cut by k alone, in order, a weight gradient's in parts of at most kPart rows: no bit depends on
//                 tasks, threads or other rows
//   Denormals     the multipliers take bf16 denormals for zero (Intel SDM, TDPBF16PS and VDPBF16PS)
#pragma once
#include "gemm_bf16_pack.h"
#include "gemm_output.h"
#include "stores.h"

namespace {

#if defined(__AVX512BF16__)

constexpr long kBlockBytes = 1 << 20, kWidest = 512;  // a task's block of B, and its columns, at most
constexpr long kDeep = 1024, kDepth = 256;            // values of a row of A that are copied, and multiplied, at once
constexpr long kStraight = 768;                       // values of the longest row of A that is read in place
constexpr long kPairTasks = 8, kTaskMegas = 64;       // tasks of a large product; Mi multiply-adds of a task, at least
constexpr long kPart = 1536;                          // rows that a weight gradient sums at once

/** 32 values, rounded, to a whole cache line; past the caches if `stream`. */
inline void put_line(bf16* to, vfloat low, vfloat high, bool stream) {
  __m512i line;
  if (has_denormal(low) || has_denormal(high)) {
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

/** A: rows lda values apart, or in strips as pack_left makes them. */
struct Left {
  const bf16* a;
  long lda;
  bool strips;
};

/** C = A B. */
template <typename T>
void multiply(const Output<T>& out, const Left& left, const Right& right, long m, long n, long k) {
  if (m <= 0 || n <= 0) return;
  const long whole_k = up32(k), panel = kPanel * whole_k, pitch = left.strips ? whole_k : left.lda;
  const Cut cut(m, n, whole_k);
  const long width = cut.width, height = cut.height, stride = width + 16, deep = piece(whole_k, kDeep, 32);
  const long depth = piece(deep, kDepth, 32), down = ceil_div(m, height);
  const bool lines = whole_lines(out), stream = lines && m * n * 2 >= kStreamBytes;
  parallel_for(down * ceil_div(n, width), [&](long task, int thread) {
    const long j0 = task / down * width, i0 = task % down * height;
    const long rows = min_of(height, m - i0), cols = min_of(width, n - j0);
    bf16* b =
        static_cast<bf16*>(sk_thread_scratch(thread, width * whole_k * 2 + kStrip * (stride * 4 + (kDeep + 32) * 2)));
    bf16* own = b + width * whole_k;
    float* sums = reinterpret_cast<float*>(own + kStrip * (kDeep + 32));
    pack_right(b, right, k, j0, cols);
    Tiles tiles;
    for (long i = 0; i < rows; i += kStrip) {
      const long count = min_of(kStrip, rows - i);
      const bf16* strip = left.a + (i0 + i) * pitch;
      // A long row's lines share few sets of L1, and a tile reads 16 whole rows.
      const bool copied = !left.strips && (left.lda > kStraight || k % 32 || count % 16);
      Fetch fetch{reinterpret_cast<const char*>(strip + kStrip * pitch),
                  copied ? 0 : ceil_div(1024, cols)};  // the next
      for (long deep0 = 0; deep0 < whole_k; deep0 += deep) {
        const long end = min_of(whole_k, deep0 + deep);
        if (copied) copy_left(own, kDeep + 32, strip + deep0, left.lda, count, min_of(end, k) - deep0);
        for (long k0 = deep0; k0 < end; k0 += depth) {
          const bf16* a = copied ? own + k0 - deep0 : strip + (left.strips ? k0 * kStrip : k0);
          const long lda = copied ? kDeep + 32 : left.strips ? 32 : left.lda, step = left.strips ? 32 * kStrip : 32;
          for (long j = 0; j < cols; j += kPanel)
            pair_product(sums + j, stride, a, lda, b + j / kPanel * panel + k0 * kPanel, kPanel, count,
                         min_of(kPanel, cols - j), min_of(depth, end - k0), k0 > 0, step, fetch);
        }
      }
      for (long j = 0; j < cols; j += kPanel)
        finish_panel(out, sums + j, stride, i0 + i, j0 + j, count, min_of(kPanel, cols - j), lines, stream);
    }
    if (stream) _mm_sfence();
  });
}

void forward(const Output<bf16>& y, const bf16* x, const bf16* weight, int rows, int in, int out) {
  multiply(y, {x, in, false}, {weight, in, true}, rows, out, in);
}
void backward_input(bf16* dx, const bf16* dy, const bf16* weight, int rows, int in, int out) {
  multiply(output(dx, in, kWrite, nullptr), {dy, out, false}, {weight, in, false}, rows, in, out);
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
    multiply(output(dweight, in, kAdd, nullptr), {left, 0, true}, {x + k0 * in, in, false}, out, in, k);
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
