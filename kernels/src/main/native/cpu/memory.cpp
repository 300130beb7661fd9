// memory.cpp: fill, add, scale, cast, sum of squares over flat memory.
//
//   Traffic  fill writes 4n bytes; add reads 8n, writes 4n; scale reads and writes 4n; cast reads 4n (2n), writes 2n
//   (4n) Tiles    64 Ki values a task: large enough to hide the pool, small enough to balance; sums add up in task
//   order
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
constexpr long kChunk = 1 << 16;
}  // namespace

extern "C" {
void SK(fill)(sk_f32 y, int64_t n, float value) {
  parallel_range(n, kChunk, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) { put(y + i, splat(value), count); });
  });
}

void SK(add)(sk_f32 y, sk_cf32 x, int64_t n) {
  parallel_range(n, kChunk, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) { put(y + i, get(y + i, count) + get(x + i, count), count); });
  });
}

void SK(scale)(sk_f32 y, int64_t n, float scale) {
  parallel_range(n, kChunk, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) { put(y + i, get(y + i, count) * scale, count); });
  });
}

void SK(cast_f32_bf16)(sk_bf16 y, sk_cf32 x, int64_t n) {
  parallel_range(n, kChunk, [=](long begin, long end) {
    for (long i = begin; i < end; i++) {
      uint32_t bits;
      __builtin_memcpy(&bits, x + i, 4);
      uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
      y[i] = static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : rounded);
    }
  });
}

void SK(cast_bf16_f32)(sk_f32 y, sk_cbf16 x, int64_t n) {
  parallel_range(n, kChunk, [=](long begin, long end) {
    for (long i = begin; i < end; i++) {
      uint32_t bits = static_cast<uint32_t>(x[i]) << 16;
      __builtin_memcpy(y + i, &bits, 4);
    }
  });
}

double SK(sum_squares)(sk_cf32 x, int64_t n) {
  long tasks = ceil_div(n, kChunk);
  double* partial = static_cast<double*>(sk_pool_scratch(0, tasks * 8));
  parallel_for(tasks, [=](long task, int) {
    double sum[8] = {};
    long end = min_of(n, (task + 1) * kChunk);
    for (long i = task * kChunk; i < end; i++) sum[i & 7] += static_cast<double>(x[i]) * x[i];
    partial[task] = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  });
  double total = 0;
  for (long t = 0; t < tasks; t++) total += partial[t];
  return total;
}
}
