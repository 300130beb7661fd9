// gemm_pack.h: the blocks of an f32 product, and how its operands are copied into them.
#pragma once
#include "gemm_output.h"
#include "simd.h"
#include "transpose.h"

namespace {
constexpr int kMr = kLanes == 16 ? 8 : 4, kNv = kLanes == 4 ? 2 : 3, kNr = kNv * kLanes;
constexpr long kChunk = 16, kMc = 384, kMcWeight = 768, kMcLeast = 96, kNc = 384;
// A block of k, and the rows of A packed at a time: where A's k is contiguous, and in the weight gradient. In AVX2 a
// panel of B must fit in L1 (24 KB), for it is used for 12 panels of A.
constexpr long kKc = kLanes == 8 ? 256 : 384, kMa = kLanes == 8 ? 48 : kMr;
constexpr long kKcWeight = 384, kMaWeight = 96;
constexpr long kLine = 16, kAhead = 12;  // floats of a cache line; rows that packing prefetches ahead
// Rows of B that the micro-kernel prefetches ahead, and its steps of k at once. Instructions are scarce in AVX2 if the
// other thread of a core is busy: three prefetches beside twelve multiply-adds cost a fifth.
constexpr long kAheadB = kLanes == 8 ? 0 : 8;
constexpr int kUnroll = kLanes == 8 ? 2 : 16;
constexpr long kMinTasks = 8;     // per product; also the least number that weight gradients are split for
constexpr long kSplitRows = 512;  // rows of one part of a split weight gradient, at least

struct Product {
  const float *a, *b;
  long m, n, k, lda, ldb;
  Output<float> out;
};

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
}  // namespace
