// gemm_bf16.h: the linear layer on bf16 operands; sums in f32, each value of C rounded once.
//
//   C[m, n] = sum_k A[m, k] B[k, n]      A                    B by pairs of k (pairs.h)
//   forward          m rows, n out, k in    x                    weight, turned
//   input gradient   m rows, n in, k out    dy                   weight
//   weight gradient  m out, n in, k rows    dy^T, packed         x
//
//   Product       pairs.h: AMX tiles 16x16x32, or vdpbf16ps; below these sets the operands are widened and gemm.cpp
//                 multiplies them: right everywhere, as fast as f32
//   Tasks         height x width of C (Cut). A thread packs its own block of B, at most kBlockBytes, in panels
//                 [k/2][columns][2] of kPanel columns: so B comes from memory once, and stays in L2 while strips of
//                 kStrip rows of A pass by. k in blocks of kDepth: 32 rows of A (16 KB) stay in L1 beside a panel of
//                 B; or whole rows up to kWhole values do, and tiles of B are loaded past L1
//   A             short rows are read in place, the next strip asked for meanwhile; long ones are copied a strip at a
//                 time, or all at once if many tasks read them; k is padded to 32 by zeros on both sides (0 * NaN of a
//                 neighbour is NaN)
//   C             a panel is finished behind its product; whole cache lines of a large C go past the caches: a store
//                 that misses would wait for its line
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
constexpr long kWhole = 512;                          // values of the longest row of A that is multiplied whole
constexpr long kStraight = 768;                       // values of the longest row of A that is read in place
constexpr long kReaders = 3;                          // blocks of columns, from which on A is copied once for all
constexpr long kShares = 4, kTaskMegas = 64;          // tasks of a thread; Mi multiply-adds of a task, at least
constexpr long kPart = 1536, kPackRows = 256;         // rows that a weight gradient sums, and a task packs, at once

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
 * Tasks of height x width of C. A thread packs a block of B that fits into L2 beside what passes through; cutting
 * columns reads A once more, cutting rows may pack B once more, which costs twice as much a value (measured).
 */
struct Cut {
  long width, height, across, down;
  Cut(long m, long n, long k) {
    const long tasks = max_of(2, min_of(kShares * sk_threads(), m * n / 1024 * k / 1024 / kTaskMegas));
    const long least = ceil_div(n, max_of(kPanel, min_of(kWidest, kBlockBytes / 2 / k / kPanel * kPanel)));
    long best = least;
    auto cost = [&](long a) { return a * m + 2 * ceil_div(tasks, a) * n; };
    for (long a = least + 1; a <= tasks; a++)
      if (cost(a) < cost(best)) best = a;
    width = piece(n, ceil_div(n, best), kPanel);
    height = piece(m, ceil_div(m, ceil_div(tasks, best)), kStrip);
    across = ceil_div(n, width), down = ceil_div(m, height);
  }
};

/** How k is cut: `deep` values of a row of A are copied, `depth` multiplied at once. */
struct Steps {
  long k, padded, deep, depth;
  bool whole;
  Steps(long k, long width) : k(k), padded(up32(k)) {
    deep = piece(padded, kDeep, 32);
    whole = padded <= kDepth || (padded <= kWhole && width >= kWhole / 2);
    depth = whole ? padded : piece(deep, kDepth, 32);
  }
};

/** A: rows lda values apart, or in strips as pack_left makes them. */
struct Left {
  const bf16* a;
  long lda;
  bool strips;
};

/** All of A in strips, in the pool's scratch. */
Left copied_strips(const Left& from, long m, long k) {
  const long strip = kStrip * up32(k);
  bf16* to = static_cast<bf16*>(sk_pool_scratch(1, ceil_div(m, kStrip) * strip * 2));
  parallel_for(ceil_div(m, kStrip), [=](long task, int) {
    const long i = task * kStrip;
    copy_left(to + task * strip, 32, 32 * kStrip, from.a + i * from.lda, from.lda, min_of(kStrip, m - i), k);
  });
  return {to, 0, true};
}

/** Where C goes: whole cache lines, past the caches; a panel at a time, its sums still in L1, or a strip. */
struct Way {
  bool lines, stream, panels;
};

/** A strip of C at (row, col), rows x cols, of a strip of A and the packed block b. */
template <typename T>
inline void multiply_strip(const Output<T>& out, const Way& way, const Left& left, const bf16* strip, const bf16* b,
                           bf16* own, float* sums, const Steps& steps, long row, long col, long rows, long cols) {
  // A long row's lines share few sets of L1, and a tile reads 16 whole rows.
  const bool copied = !left.strips && (left.lda > kStraight || steps.k % 32 || rows % 16);
  const long pitch = left.strips ? steps.padded : left.lda;
  const long lda = copied ? kDeep + 32 : left.strips ? 32 : left.lda, step = left.strips ? 32 * kStrip : 32;
  const long stride = (steps.whole ? kPanel : up32(cols)) + 16;
  Fetch fetch{reinterpret_cast<const char*>(strip + kStrip * pitch), copied ? 0 : ceil_div(1024, cols)};  // the next
  auto finish = [&](const float* c, long j) {
    finish_panel(out, c, stride, row, col + j, rows, min_of(kPanel, cols - j), way.lines, way.stream);
  };
  for (long deep0 = 0; deep0 < steps.padded; deep0 += steps.deep) {
    const long end = min_of(steps.padded, deep0 + steps.deep);
    if (copied) copy_left(own, lda, step, strip + deep0, left.lda, rows, min_of(end, steps.k) - deep0);
    for (long k0 = deep0; k0 < end; k0 += steps.depth) {
      const bf16* a = copied ? own + k0 - deep0 : strip + k0 / 32 * step;
      const long depth = min_of(steps.depth, end - k0);
      for (long j = 0; j < cols; j += kPanel) {
        float* c = sums + (steps.whole ? 0 : j);
        const bf16* panel = b + j * steps.padded + k0 * kPanel;
        const long wide = min_of(kPanel, cols - j);
        if (steps.whole)  // A leaves little of L1 to B
          pair_product<true>(c, stride, a, lda, panel, kPanel, rows, wide, depth, false, step, fetch);
        else
          pair_product<false>(c, stride, a, lda, panel, kPanel, rows, wide, depth, k0 > 0, step, fetch);
        if (way.panels && k0 + depth == steps.padded) finish(c, j);
      }
    }
  }
  for (long j = 0; !way.panels && j < cols; j += kPanel) finish(sums + j, j);
}

/** C = A B. */
template <typename T>
void multiply(const Output<T>& out, Left left, const Right& right, long m, long n, long k) {
  if (m <= 0 || n <= 0) return;
  const Cut cut(m, n, up32(k));
  const Steps steps(k, cut.width);
  const bool lines = whole_lines(out), stream = lines && m * n * 2 >= kStreamBytes;
  const Way way{lines, stream, steps.whole || lines};
  if (!left.strips && left.lda > kStraight && cut.across >= kReaders) left = copied_strips(left, m, k);
  // Few blocks of columns take turns, so that a thread still has its own from the task before.
  const bool turns = !left.strips && cut.across <= sk_threads();
  long* packed = static_cast<long*>(sk_pool_scratch(0, sk_threads() * 8));  // the first column of each thread's block
  for (long t = 0; t < sk_threads(); t++) packed[t] = -1;
  parallel_for(cut.down * cut.across, [&](long task, int thread) {
    const long col = (turns ? task % cut.across : task / cut.down) * cut.width;
    const long first = (turns ? task / cut.across : task % cut.down) * cut.height;
    const long end = min_of(m, first + cut.height), cols = min_of(cut.width, n - col);
    const long block = cut.width * steps.padded, copies = kStrip * (kDeep + 32);
    bf16* b = static_cast<bf16*>(sk_thread_scratch(thread, (block + copies) * 2 + kStrip * (cut.width + 16) * 4));
    bf16* own = b + block;
    if (packed[thread] != col) pack_right(b, right, k, col, cols);
    packed[thread] = col;
    Tiles tiles;
    for (long row = first; row < end; row += kStrip)
      multiply_strip(out, way, left, left.a + row * (left.strips ? steps.padded : left.lda), b, own,
                     reinterpret_cast<float*>(own + copies), steps, row, col, min_of(kStrip, end - row), cols);
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
  const long most = piece(rows, kPart, 32), group = kLeftStrips * kStrip, groups = ceil_div(out, group);
  bf16* left = static_cast<bf16*>(sk_pool_scratch(1, round_up(out, kStrip) * most * 2));
  for (long k0 = 0; k0 < rows; k0 += most) {
    const long k = min_of(most, rows - k0), chunk = piece(k, kPackRows, 32), chunks = ceil_div(k, chunk);
    float* sums = dbias ? static_cast<float*>(sk_pool_scratch(2, chunks * out * 4)) : nullptr;
    parallel_for(groups * chunks, [&](long task, int) {
      const long i = task % groups * group, c = task / groups, first = c * chunk;
      pack_left(left + i * up32(k) + first * kStrip, kStrip * up32(k), dy + (k0 + first) * out + i, out,
                min_of(group, out - i), min_of(chunk, k - first), sums ? sums + c * out + i : nullptr);
    });
    for (long c = 0; sums && c < chunks; c++)
      for (long i = 0; i < out; i++) dbias[i] += sums[c * out + i];
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
