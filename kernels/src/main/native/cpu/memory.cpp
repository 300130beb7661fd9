// memory.cpp: fill, add, scale, cast, sum of squares over flat memory.
//
//   Shapes   y, x [n], f32 or bf16
//   Tiles    64 Ki values a task: large enough to hide the pool, small enough to balance; sums add up in task order
//   Traffic  with values of s bytes: fill writes sn; add reads 2sn, writes sn; scale reads and writes sn; cast reads 4n
//            (2n), writes 2n (4n)
#include "pool.h"
#include "sdae_kernels.h"
#include "simd.h"

namespace {
constexpr long kChunk = 1 << 16;

template <typename T>
using Eight [[gnu::vector_size(8 * sizeof(T))]] = T;

/** y[i] = f(first, count), `count` values from `first` on, over [0, n). */
template <typename T, typename F>
void each(T* y, long n, F f) {
  parallel_range(n, kChunk, [=](long begin, long end) {
    sweep(begin, end, [=](long i, int count) {
      prefetch_page(y + i);
      put(y + i, f(i, count), count);
    });
  });
}
}  // namespace

extern "C" {
void SK(fill)(sk_any y, int64_t n, float value, int dtype) {
  with_storage(dtype, [=](auto as) { each(as(y), n, [=](long, int) { return splat(value); }); });
}

void SK(add)(sk_any y, sk_cany x, int64_t n, int dtype) {
  with_storage(dtype, [=](auto as) {
    each(as(y), n,
         [sum = as(y), term = as(x)](long i, int count) { return get(sum + i, count) + get(term + i, count); });
  });
}

void SK(scale)(sk_any y, int64_t n, float scale, int dtype) {
  with_storage(
      dtype, [=](auto as) { each(as(y), n, [=, x = as(y)](long i, int count) { return get(x + i, count) * scale; }); });
}

void SK(cast_f32_bf16)(sk_bf16 y, sk_cf32 x, int64_t n) {
  each(Storage<bf16>()(y), n, [=](long i, int count) {
    prefetch_page(x + i);
    return get(x + i, count);
  });
}

void SK(cast_bf16_f32)(sk_f32 y, sk_cbf16 x, int64_t n) {
  each(y, n, [low = Storage<bf16>()(x)](long i, int count) { return get(low + i, count); });
}

double SK(sum_squares)(sk_cf32 x, int64_t n) {
  long tasks = ceil_div(n, kChunk);
  double* partial = static_cast<double*>(sk_pool_scratch(0, tasks * 8));
  parallel_for(tasks, [=](long task, int) {
    Eight<double> sum = {};
    long i = task * kChunk, end = min_of(n, i + kChunk);
    for (; i + 8 <= end; i += 8) {
      prefetch_page(x + i);
      Eight<float> values;
      __builtin_memcpy(&values, x + i, sizeof values);
      const Eight<double> wide = __builtin_convertvector(values, Eight<double>);
      sum += wide * wide;
    }
    for (; i < end; i++) sum[i & 7] += static_cast<double>(x[i]) * x[i];
    partial[task] = ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  });
  double total = 0;
  for (long t = 0; t < tasks; t++) total += partial[t];
  return total;
}
}
