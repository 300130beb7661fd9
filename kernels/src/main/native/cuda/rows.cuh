// rows.cuh: values dealt to the threads of a block, as a flat run or as rows; sums in a fixed order; the moments of a
// row. Accesses are of 8 or 16 bytes where the addresses allow, of one value else, and adjoin over a warp either way.
#pragma once
#include "common.cuh"

/** Whether p can be accessed `bytes` (a power of two) at a time; a null pointer can. */
__device__ inline bool aligned(const void* p, int bytes) { return (reinterpret_cast<size_t>(p) & (bytes - 1)) == 0; }

__device__ inline float low_half(unsigned pair) { return __uint_as_float(pair << 16); }
__device__ inline float high_half(unsigned pair) { return __uint_as_float(pair & 0xffff0000u); }
__device__ inline unsigned bf16_pair(float low, float high) {
  __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<unsigned*>(&pair);
}

__device__ inline void load(float (&v)[4], const float* p) {
  float4 w = *reinterpret_cast<const float4*>(p);
  v[0] = w.x, v[1] = w.y, v[2] = w.z, v[3] = w.w;
}
__device__ inline void load(float (&v)[4], const bf16* p) {
  uint2 w = *reinterpret_cast<const uint2*>(p);
  v[0] = low_half(w.x), v[1] = high_half(w.x), v[2] = low_half(w.y), v[3] = high_half(w.y);
}
__device__ inline void load(float (&v)[8], const bf16* p) {
  uint4 w = *reinterpret_cast<const uint4*>(p);
  v[0] = low_half(w.x), v[1] = high_half(w.x), v[2] = low_half(w.y), v[3] = high_half(w.y);
  v[4] = low_half(w.z), v[5] = high_half(w.z), v[6] = low_half(w.w), v[7] = high_half(w.w);
}
// One access to global memory, said outright: nvcc takes plain vector stores apart where branches meet.
__device__ inline void store(float* p, const float (&v)[4]) {
  asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(p)), "f"(v[0]), "f"(v[1]),
               "f"(v[2]), "f"(v[3])
               : "memory");
}
__device__ inline void store(bf16* p, const float (&v)[4]) {
  asm volatile("st.global.v2.b32 [%0], {%1, %2};" ::"l"(__cvta_generic_to_global(p)), "r"(bf16_pair(v[0], v[1])),
               "r"(bf16_pair(v[2], v[3]))
               : "memory");
}
__device__ inline void store(bf16* p, const float (&v)[8]) {
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(p)),
               "r"(bf16_pair(v[0], v[1])), "r"(bf16_pair(v[2], v[3])), "r"(bf16_pair(v[4], v[5])),
               "r"(bf16_pair(v[6], v[7]))
               : "memory");
}
__device__ inline void store_shared(float* p, const float (&v)[4]) {
  *reinterpret_cast<float4*>(p) = make_float4(v[0], v[1], v[2], v[3]);
}

/**
 * One lane's share, kWidth values, of a run of `count` <= kLanes * kWidth values: neighbours in one access (kVector;
 * count is a multiple of kWidth then), or every kLanes-th. Reads zeros beyond the run, writes nothing there.
 */
template <int kLanes, int kWidth, bool kVector>
struct Share {
  static constexpr bool kVectors = kVector;
  int lane, count;

  /** The place in the run of value j. */
  __device__ int at(int j) const { return kVector ? lane * kWidth + j : j * kLanes + lane; }
  __device__ bool has(int j) const { return kVector ? lane * kWidth < count : j * kLanes + lane < count; }

  template <class T>
  __device__ void get(float (&v)[kWidth], const T* p) const {
    if constexpr (kVector) {
      for (int j = 0; j < kWidth; j++) v[j] = 0;
      if (has(0)) load(v, p + at(0));
    } else {
      for (int j = 0; j < kWidth; j++) v[j] = has(j) ? to_float(p[at(j)]) : 0.0f;
    }
  }
  template <class T>
  __device__ void put(T* p, const float (&v)[kWidth]) const {
    if constexpr (kVector) {
      if (has(0)) store(p + at(0), v);
    } else {
      for (int j = 0; j < kWidth; j++)
        if (has(j)) p[at(j)] = from_float<T>(v[j]);
    }
  }
  __device__ void put_shared(float* p, const float (&v)[4]) const {
    if constexpr (kVector) {
      if (has(0)) store_shared(p + at(0), v);
    } else {
      for (int j = 0; j < 4; j++)
        if (has(j)) p[at(j)] = v[j];
    }
  }
};

/**
 * Opens the definition of a kernel without dynamic shared memory, with its launch geometry. One block a multiprocessor
 * is all that is promised: ptxas otherwise trades some bytes of spills for occupancy.
 */
#define SK_KERNEL(kernel, threads, items_x, items_y) \
  SK_LAUNCH(kernel, threads, items_x, items_y, 0)    \
  extern "C" __global__ void __launch_bounds__(threads, 1) kernel

// ---- flat runs ----

constexpr int kFlatThreads = 256;
/** Values of one 16-byte access. */
template <class T>
constexpr int kWide = 16 / sizeof(T);

/** f(first, share) for the block's kFlatThreads * kWidth of n values; `vector` says that the addresses allow it. */
template <int kWidth, class F>
__device__ inline void flat(i64 n, bool vector, F f) {
  constexpr int kRun = kFlatThreads * kWidth;
  i64 first = static_cast<i64>(blockIdx.x) * kRun, left = n - first;
  int lane = threadIdx.x, count = left < kRun ? static_cast<int>(left) : kRun;
  if (vector && count % kWidth == 0)
    f(first, Share<kFlatThreads, kWidth, true>{lane, count});
  else
    f(first, Share<kFlatThreads, kWidth, false>{lane, count});
}

// ---- rows ----

constexpr int kRowThreads = 128, kRowWarps = kRowThreads / 32;
constexpr int kUnits = 8;  // of four values a lane: 32 registers hold a lane's part of a row
constexpr int kNarrowCols = kUnits * 4 * 32, kMaxCols = kUnits * 4 * kRowThreads;

/** Stops at rows that no group holds: the backend refuses them first, with a message. */
__device__ inline void require_columns(int cols) {
  if (cols > kMaxCols) __trap();
}

/** A lane's part of a row, in registers: unit k, value j. */
typedef float RowValues[kUnits][4];

/** The lanes that share a row: a warp (rows up to kNarrowCols) or the block of kRowThreads (up to kMaxCols). */
template <int kLanes, bool kVector>
struct Group {
  static constexpr int kGroupLanes = kLanes, kGroups = kRowThreads / kLanes, kRun = 4 * kLanes;
  static constexpr bool kVectors = kVector;
  typedef Share<kLanes, 4, kVector> Unit;
  int cols;
  float* scratch;  // kRowWarps values, used by the groups of a whole block

  __device__ int lane() const { return threadIdx.x % kLanes; }
  __device__ int index() const { return threadIdx.x / kLanes; }
  __device__ Unit unit(int k) const { return {lane(), cols - k * kRun < kRun ? cols - k * kRun : kRun}; }
  __device__ void sync() const {
    if constexpr (kGroups == 1)
      __syncthreads();
    else
      __syncwarp();
  }

  /** f(row) for the group's rows among the kRows of the block. */
  template <int kRows, class F>
  __device__ void rows(int rows, F f) const {
    i64 first = static_cast<i64>(blockIdx.x) * kRows;
    for (int r = index(); r < kRows && first + r < rows; r += kGroups) f(first + r);
  }
  /** f(k, column of the unit, share) for the units of a row; k is a constant in each. */
  template <class F>
  __device__ void units(F f) const {
#pragma unroll
    for (int k = 0; k < kUnits; k++)
      if (k * kRun < cols) f(k, k * kRun, unit(k));
  }
  template <class T>
  __device__ void get(RowValues& v, const T* row) const {
    units([&](int k, int c, Unit unit) { unit.get(v[k], row + c); });
  }

  /** Sum over the lanes, the same bits in each. */
  __device__ float sum(float v) const {
    v = warp_sum(v);
    if constexpr (kGroups == 1) {
      if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = v;
      __syncthreads();
      v = scratch[0];
      for (int w = 1; w < kRowWarps; w++) v += scratch[w];
      __syncthreads();
    }
    return v;
  }
  __device__ float max(float v) const {
    v = warp_max(v);
    if constexpr (kGroups == 1) {
      if (threadIdx.x % 32 == 0) scratch[threadIdx.x / 32] = v;
      __syncthreads();
      v = scratch[0];
      for (int w = 1; w < kRowWarps; w++) v = fmaxf(v, scratch[w]);
      __syncthreads();
    }
    return v;
  }
  /** Sum over the row of f(k, j). */
  template <class F>
  __device__ float sum_over(F f) const {
    float s = 0;
    units([&](int k, int, Unit unit) {
      for (int j = 0; j < 4; j++)
        if (unit.has(j)) s += f(k, j);
    });
    return sum(s);
  }
};

/** f(group) with the group that a row of `cols` values takes; `vector` says that the addresses allow vectors. */
template <class F>
__device__ inline void with_group(int cols, bool vector, F f) {
  __shared__ float scratch[kRowWarps];
  require_columns(cols);
  vector = vector && cols % 4 == 0;
  if (cols <= kNarrowCols)
    vector ? f(Group<32, true>{cols, scratch}) : f(Group<32, false>{cols, scratch});
  else
    vector ? f(Group<kRowThreads, true>{cols, scratch}) : f(Group<kRowThreads, false>{cols, scratch});
}

struct Moments {
  float mean, rstd;
};

/** Mean and 1/sqrt(var + 1e-6) of a row, var about the mean with divisor cols-1 (a row of one value has var 0). */
template <class G>
__device__ inline Moments moments(const RowValues& v, const G& group) {
  float mean = group.sum_over([&](int k, int j) { return v[k][j]; }) / static_cast<float>(group.cols);
  float squares = group.sum_over([&](int k, int j) { return (v[k][j] - mean) * (v[k][j] - mean); });
  float var = group.cols > 1 ? squares / static_cast<float>(group.cols - 1) : 0.0f;
  return {mean, 1.0f / sqrtf(var + 1e-6f)};
}

/** One value of the row, standardised. Rounded before any use, so that equal values stay equal. */
__device__ inline float standardized(float z, Moments m) { return __fmul_rn(z - m.mean, m.rstd); }

// ---- sums of partial sums ----

/** Writes the sum over a block of kRowThreads of `value` to partial[blockIdx.x]. */
__device__ inline void put_partial(double* partial, double value) {
  __shared__ double part[kRowWarps];
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_down_sync(0xffffffffu, value, offset);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int w = 1; w < kRowWarps; w++) value += part[w];
  partial[blockIdx.x] = value;
}

constexpr int kSumThreads = 1024;

/** The sum of `count` values by one block of kSumThreads; valid in thread 0. */
__device__ inline double sum_partials(const double* partial, int count) {
  __shared__ double part[32];
  double sum = 0;
  for (int i = threadIdx.x; i < count; i += kSumThreads) sum += partial[i];
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(0xffffffffu, sum, offset);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0)
    for (int w = 1; w < 32; w++) sum += part[w];
  return sum;
}

/** The sum of a column of partial [count, cols], 32 columns a block of 32 warps; valid in warp 0, lane = column. */
__device__ inline float sum_column(const float* partial, int count, int cols) {
  __shared__ float part[32][32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, column = blockIdx.x * 32 + lane;
  float sum = 0;
  if (column < cols)
    for (int i = warp; i < count; i += 32) sum += partial[static_cast<i64>(i) * cols + column];
  part[warp][lane] = sum;
  __syncthreads();
  if (warp == 0)
    for (int w = 1; w < 32; w++) sum += part[w][lane];
  return sum;
}
