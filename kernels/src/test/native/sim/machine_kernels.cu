// Kernels of machine_test.cpp. After a change: nvcc -arch=sm_80 -ptx machine_kernels.cu (no device is needed).
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cstdio>

#define KERNEL extern "C" __global__ void

// ---- straight lines, loops, calls ----

KERNEL scale(float* y, const float* x, float a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = a * x[i] + 1.f;
}

// Every lane takes another number of turns; all meet again for the ballot.
KERNEL collatz(int* steps, unsigned* together, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  int v = i + 1, count = 0;
  while (v != 1) {
    v = v % 2 ? 3 * v + 1 : v / 2;
    count++;
  }
  unsigned all = __ballot_sync(~0u, 1);
  if (i < n) steps[i] = count, together[i] = all & __activemask();
}

__device__ __noinline__ int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
KERNEL recursion(int* y) { y[threadIdx.x] = fibonacci(threadIdx.x % 12); }

__device__ __noinline__ float2 turn(float2 v, float c, float s) { return make_float2(c * v.x - s * v.y, s * v.x + c * v.y); }
KERNEL structures(float2* y, const float2* x, int n) {
  int i = threadIdx.x;
  float2 v = x[i];
  for (int k = 0; k < n; k++)
    if ((i + k) % 3) v = turn(v, 0.f, 1.f);
  y[i] = v;
}

KERNEL local_array(int* y, int n) {
  int a[40];
  for (int k = 0; k < 40; k++) a[k] = k * threadIdx.x;
  int sum = 0;
  for (int k = 0; k < n; k++) sum += a[(k * 7 + threadIdx.x) % 40];
  y[threadIdx.x] = sum;
}

__device__ int table[5] = {2, 3, 5, 7, 11};
__device__ const int* pointer = table + 1;
__constant__ float weights[3] = {0.5f, 0.25f, 0.125f};
KERNEL variables(float* y) {
  int t = threadIdx.x;
  y[t] = table[t % 5] + weights[t % 3] * pointer[t % 4];
}

KERNEL choose(int* y, int n) {
  switch ((threadIdx.x + n) % 9) {
    case 0: y[threadIdx.x] = 3; break;
    case 1: y[threadIdx.x] = y[threadIdx.x + 64] * 2; break;
    case 2: y[threadIdx.x] = n; break;
    case 3: y[threadIdx.x] = -n; break;
    case 4: y[threadIdx.x] = n * n; break;
    case 5: y[threadIdx.x] = 77; break;
    case 6: y[threadIdx.x] = n ^ 5; break;
    case 7: y[threadIdx.x] = n << 3; break;
    default: y[threadIdx.x] = -1;
  }
}

// ---- warps and blocks ----

KERNEL block_sum(float* y, const float* x) {
  __shared__ float partial[32];
  float v = x[blockIdx.x * blockDim.x + threadIdx.x];
  for (int o = 16; o; o /= 2) v += __shfl_xor_sync(~0u, v, o);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = v;
  __syncthreads();
  if (threadIdx.x < 32) {
    v = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0;
    for (int o = 16; o; o /= 2) v += __shfl_down_sync(~0u, v, o);
    if (threadIdx.x == 0) y[blockIdx.x] = v;
  }
}

KERNEL warp_exchange(int* y) {
  __shared__ int s[64];
  int t = threadIdx.x;
  s[t] = t;
  __syncwarp();
  int v = s[t ^ 1];
  __syncwarp();
  s[t] = v * 10;
  __syncwarp();
  y[t] = s[t ^ 3];
}

// Half warps work apart from each other.
KERNEL half_warps(int* y) {
  int t = threadIdx.x;
  unsigned mine = t < 16 ? 0xffffu : 0xffff0000u;
  int v = t;
  if (t < 16) {
    for (int o = 8; o; o /= 2) v += __shfl_xor_sync(mine, v, o);
  } else {
    for (int o = 8; o; o /= 2) v = max(v, __shfl_xor_sync(mine, v, o));
  }
  y[t] = v;
}

KERNEL votes(int* y) {
  int t = threadIdx.x;
  y[t] = __popc(__ballot_sync(~0u, t % 3 == 0)) + 100 * __any_sync(~0u, t == 7) + 1000 * __all_sync(~0u, t < 32) +
         10000 * __popc(__match_any_sync(~0u, t % 5)) + 1000000 * (__reduce_add_sync(~0u, 1) == 32);
}

KERNEL barrier_reduce(int* y) {
  y[threadIdx.x] = __syncthreads_count(threadIdx.x % 3 == 0) + 1000 * __syncthreads_or(threadIdx.x == 5) +
                   2000 * __syncthreads_and(threadIdx.x < 90);
}

// Producers and consumers meet at named barriers.
KERNEL named_barriers(int* y) {
  __shared__ int s[32];
  int t = threadIdx.x;
  for (int round = 0; round < 3; round++) {
    if (t < 32) {
      if (round) asm volatile("bar.sync 2, 64;" ::: "memory");
      s[t] = t + round;
      asm volatile("bar.arrive 1, 64;" ::: "memory");
    } else {
      asm volatile("bar.sync 1, 64;" ::: "memory");
      y[round * 32 + t - 32] = s[63 - t];
      if (round < 2) asm volatile("bar.arrive 2, 64;" ::: "memory");
    }
  }
}

// Lanes of a warp compete for a lock: each must get its turn.
KERNEL lock(int* y) {
  __shared__ int taken, sum;
  if (threadIdx.x == 0) taken = 0, sum = 0;
  __syncthreads();
  bool done = false;
  while (!done) {
    if (atomicCAS(&taken, 0, 1) == 0) {
      atomicAdd(&sum, threadIdx.x);
      atomicExch(&taken, 0);
      done = true;
    }
  }
  __syncthreads();
  y[threadIdx.x] = sum;
}

KERNEL pipeline(float* y, const float* x, int n) {
  __shared__ __align__(16) float s[2][128];
  int t = threadIdx.x;
  unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(&s[0][4 * t]));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(x + 4 * t) : "memory");
  asm volatile("cp.async.commit_group;" ::: "memory");
  float sum = 0;
  for (int k = 0; k < n; k++) {
    __syncthreads();
    unsigned next = static_cast<unsigned>(__cvta_generic_to_shared(&s[(k + 1) % 2][4 * t]));
    int bytes = k + 1 < n ? 16 : 0;  // the last one brings zeros
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(next), "l"(x + (k + 1 < n ? k + 1 : 0) * 128 + 4 * t),
                 "r"(bytes) : "memory");
    asm volatile("cp.async.commit_group;" ::: "memory");
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();
    for (int j = 0; j < 4; j++) sum += s[k % 2][(4 * t + 16 * j + j) % 128];
  }
  y[t] = sum;
}

KERNEL atomics(int* i, unsigned* u, float* f, double* d, unsigned long long* l, __half2* h) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(i, t);
  atomicMin(i + 1, -t);
  atomicMax(i + 2, t);
  atomicInc(u, 6);
  atomicXor(u + 1, 1u << t % 32);
  atomicAdd(f, 0.5f);
  atomicAdd(d, 0.25);
  atomicAdd(l, 1ull << 33);
  atomicAdd(h, __floats2half2_rn(1.f, 2.f));
}

KERNEL print(int n) {
  if (threadIdx.x == 3) printf("thread %d of %d: %.2f %s %c %lld\n", threadIdx.x, n, 1.5, "text", 'x', 1ll << 40);
}

KERNEL spin(float* y, int n) {  // for the speed
  float a = threadIdx.x, d = 2.f;
  for (int i = 0; i < n; i++)
#pragma unroll
    for (int j = 0; j < 16; j++) {
      a = a * 1.0001f + 0.5f;
      d = d * 0.999f + a;
    }
  y[blockIdx.x * blockDim.x + threadIdx.x] = a + d;
}

// ---- faults ----

KERNEL past_the_end(float* y, int n) { y[threadIdx.x + n] = 1.f; }
KERNEL before_the_start(float* y) { y[-1 - static_cast<int>(threadIdx.x)] = 1.f; }
KERNEL misaligned(char* y) { *reinterpret_cast<float4*>(y + 4) = make_float4(1, 2, 3, 4); }
KERNEL unwritten(float* y, const float* x) { y[threadIdx.x] = x[threadIdx.x]; }
KERNEL shared_past_the_end(int* y, int n) {
  __shared__ int s[32];
  s[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x + n];
}
KERNEL shared_unwritten(int* y) {
  __shared__ int s[64];
  s[threadIdx.x] = 1;
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x + 1];
}
KERNEL local_unwritten(int* y, int n) {
  int a[16];
  for (int k = 0; k < n; k++) a[k] = k;
  y[threadIdx.x] = a[threadIdx.x % 16];
}
KERNEL missing_barrier(int* y) {
  __shared__ int s[64];
  s[threadIdx.x] = 0;
  __syncthreads();
  s[threadIdx.x] = threadIdx.x;
  y[threadIdx.x] = s[63 - threadIdx.x];
}
KERNEL missing_second_barrier(int* y) {
  __shared__ int s[64];
  int v = threadIdx.x;
  for (int k = 0; k < 3; k++) {
    s[threadIdx.x] = v;
    __syncthreads();
    v = s[63 - threadIdx.x];
  }
  y[threadIdx.x] = v;
}
KERNEL missing_warp_barrier(int* y) {
  __shared__ int s[32];
  s[threadIdx.x] = threadIdx.x;
  y[threadIdx.x] = s[31 - threadIdx.x];
}
KERNEL two_writers(int* y) {
  __shared__ int s;
  s = threadIdx.x;
  __syncthreads();
  y[threadIdx.x] = s;
}
KERNEL same_value(int* y) {  // no fault
  __shared__ int s;
  if (threadIdx.x < 32) s = 5;
  __syncthreads();
  y[threadIdx.x] = s;
}
KERNEL bytes_side_by_side(char* y) {  // no fault
  __shared__ char s[64];
  s[threadIdx.x] = threadIdx.x;
  __syncthreads();
  y[threadIdx.x] = s[63 - threadIdx.x];
}
KERNEL missing_wait(float* y, const float* x) {
  __shared__ __align__(16) float s[128];
  unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(&s[4 * threadIdx.x]));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(to), "l"(x + 4 * threadIdx.x) : "memory");
  asm volatile("cp.async.commit_group;" ::: "memory");
  __syncthreads();
  y[threadIdx.x] = s[threadIdx.x];
}
KERNEL missing_barrier_after_wait(float* y, const float* x) {
  __shared__ __align__(16) float s[256];
  for (int k = threadIdx.x; k < 256; k += blockDim.x) s[k] = 0;
  __syncthreads();
  unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(&s[4 * threadIdx.x]));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(to), "l"(x + 4 * threadIdx.x) : "memory");
  asm volatile("cp.async.wait_all;" ::: "memory");
  y[threadIdx.x] = s[255 - threadIdx.x];
}
KERNEL divergent_barrier(int* y) {
  if (threadIdx.x < 16) {
    __syncthreads();
    y[threadIdx.x] = 1;
  } else {
    y[threadIdx.x] = 2;
    __syncthreads();
  }
}
KERNEL absent_lane(int* y) {
  int v = threadIdx.x;
  if (threadIdx.x < 16) {
    v = __shfl_xor_sync(~0u, v, 1);
  } else {
    v = __reduce_max_sync(~0u, v);
  }
  y[threadIdx.x] = v;
}
KERNEL outside_the_mask(int* y) { y[threadIdx.x] = __shfl_xor_sync(0xffffu, threadIdx.x, 1); }
KERNEL trapped(int* y) {
  if (threadIdx.x == 9) __trap();
  y[threadIdx.x] = 0;
}
#undef NDEBUG
#include <cassert>
KERNEL asserted(int n) { assert(n + static_cast<int>(threadIdx.x) < 5); }
