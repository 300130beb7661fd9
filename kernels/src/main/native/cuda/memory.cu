// memory.cu: fill, add, scale, cast, sum of squares over flat memory.
//
//   Shapes   x, y [n] (f32 | bf16, s = 4 | 2 bytes a value); any n and address
//   Tiles    256 threads, one 16-byte access of each tensor a thread (casts: 16 and 8): item of x = a value.
//            sum_squares: 16 Ki values a block, squared and added in f64; one block adds the blocks' sums in their
//            order
//   Traffic  fill writes sn bytes; add reads 2sn, writes sn; scale reads and writes sn; cast reads 4n (2n), writes 2n
//            (4n); sum_squares reads 4n
//   Casts    round to nearest even; NaN stays NaN
//   Regs     44 at most, sm_80 to sm_120; no spills, no stack
#include "rows.cuh"

template <class T>
__device__ inline void fill(T* y, i64 n, float value) {
  flat<kWide<T>>(n, aligned(y, 16), [=](i64 first, auto share) {
    float v[kWide<T>];
    for (float& each : v) each = value;
    share.put(y + first, v);
  });
}

template <class T>
__device__ inline void add(T* y, const T* x, i64 n) {
  flat<kWide<T>>(n, aligned(y, 16) && aligned(x, 16), [=](i64 first, auto share) {
    float a[kWide<T>], b[kWide<T>];
    share.get(a, y + first);
    share.get(b, x + first);
    for (int j = 0; j < kWide<T>; j++) a[j] += b[j];
    share.put(y + first, a);
  });
}

template <class T>
__device__ inline void scale(T* y, i64 n, float factor) {
  flat<kWide<T>>(n, aligned(y, 16), [=](i64 first, auto share) {
    float v[kWide<T>];
    share.get(v, y + first);
    for (float& each : v) each *= factor;
    share.put(y + first, v);
  });
}

template <class To, class From>
__device__ inline void cast(To* y, const From* x, i64 n) {
  flat<4>(n, aligned(y, 4 * sizeof(To)) && aligned(x, 4 * sizeof(From)), [=](i64 first, auto share) {
    float v[4];
    share.get(v, x + first);
    share.put(y + first, v);
  });
}

#define FAMILY(T, suffix)                                                                                         \
  SK_KERNEL(sk_fill_##suffix, kFlatThreads, kFlatThreads* kWide<T>, 1)(T * y, i64 n, float value) {               \
    fill(y, n, value);                                                                                            \
  }                                                                                                               \
  SK_KERNEL(sk_add_##suffix, kFlatThreads, kFlatThreads* kWide<T>, 1)(T * y, const T* x, i64 n) { add(y, x, n); } \
  SK_KERNEL(sk_scale_##suffix, kFlatThreads, kFlatThreads* kWide<T>, 1)(T * y, i64 n, float factor) {             \
    scale(y, n, factor);                                                                                          \
  }
FAMILY(float, f32)
FAMILY(bf16, bf16)

SK_KERNEL(sk_cast_f32_bf16, kFlatThreads, kFlatThreads * 4, 1)(bf16* y, const float* x, i64 n) { cast(y, x, n); }
SK_KERNEL(sk_cast_bf16_f32, kFlatThreads, kFlatThreads * 4, 1)(float* y, const bf16* x, i64 n) { cast(y, x, n); }

constexpr int kSquares = 1 << 14;

// Item of x: a value. partial: a double a block, 8 * ceil(n / 16384) bytes.
SK_KERNEL(sk_sum_squares_f32, kFlatThreads, kSquares, 1)(const float* x, i64 n, double* partial) {
  __shared__ double part[kFlatThreads / 32];
  i64 first = static_cast<i64>(blockIdx.x) * kSquares, end = first + kSquares < n ? first + kSquares : n;
  double sum = 0;
  if (aligned(x, 16) && end == first + kSquares) {
#pragma unroll 4
    for (i64 i = first + 4 * threadIdx.x; i < end; i += 4 * kFlatThreads) {
      float v[4];
      load(v, x + i);
      for (float each : v) sum += static_cast<double>(each) * each;
    }
  } else {
    for (i64 i = first + threadIdx.x; i < end; i += kFlatThreads) sum += static_cast<double>(x[i]) * x[i];
  }
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(0xffffffffu, sum, offset);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < kFlatThreads / 32; w++) sum += part[w];
    partial[blockIdx.x] = sum;
  }
}

// out [1] = the sum of the partials; one block.
SK_KERNEL(sk_sum_squares_sum, kSumThreads, 1, 1)(double* out, const double* partial, int count) {
  double sum = sum_partials(partial, count);
  if (threadIdx.x == 0) out[0] = sum;
}
