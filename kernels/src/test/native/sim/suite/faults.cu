// Kernels with one mistake each. faults_test.cpp says which, and what the simulator must say about it; it reads faults.ptx:
//   nvcc -ptx -arch=sm_80 -std=c++17 faults.cu -o faults.ptx
#include <cassert>
#include <cstdint>

__constant__ float kTable[16] = {1, 2, 3};

extern "C" __global__ void no_bounds_check(const float* in, float* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = in[i] * 2.f;
}

extern "C" __global__ void checked_copy(const float* in, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[i];
}

extern "C" __global__ void shared_past_the_end(float* out) {
  __shared__ float s[64];
  s[threadIdx.x + 1] = 1.f;
  __syncthreads();
  out[threadIdx.x] = s[threadIdx.x];
}

extern "C" __global__ void local_past_the_end(const int* at, float* out) {
  float a[8];
  for (int i = 0; i < 8; i++) a[i] = i;
  a[at[threadIdx.x]] = 3.f;
  out[threadIdx.x] = a[at[threadIdx.x + 1]];
}

extern "C" __global__ void misaligned_vector(const float* in, float4* out) {
  out[threadIdx.x] = *reinterpret_cast<const float4*>(in + 4 * threadIdx.x + 1);
}

extern "C" __global__ void misaligned_shared(int* out) {
  __shared__ __align__(16) char bytes[256];
  bytes[threadIdx.x] = 1;
  bytes[threadIdx.x + 128] = 1;
  __syncthreads();
  out[threadIdx.x] = *reinterpret_cast<int*>(bytes + 4 * threadIdx.x + (threadIdx.x == 7 ? 2 : 0));
}

extern "C" __global__ void uninitialised_global(const float* never_written, float* out) {
  out[threadIdx.x] = never_written[threadIdx.x];
}

extern "C" __global__ void uninitialised_shared(float* out) {
  __shared__ float s[64];
  if (threadIdx.x < 63) s[threadIdx.x] = 1.f;
  __syncthreads();
  out[threadIdx.x] = s[threadIdx.x];
}

extern "C" __global__ void missing_syncthreads(const float* in, float* out) {
  __shared__ float s[128];
  s[threadIdx.x] = 0.f;
  __syncthreads();
  s[threadIdx.x] = in[threadIdx.x];
  out[threadIdx.x] = s[127 - threadIdx.x];  // another warp's
}

extern "C" __global__ void missing_second_syncthreads(const float* in, float* out, int rounds) {
  __shared__ float s[128];
  float sum = 0;
  for (int r = 0; r < rounds; r++) {
    s[threadIdx.x] = in[r * 128 + threadIdx.x];
    __syncthreads();
    sum += s[127 - threadIdx.x];
  }
  out[threadIdx.x] = sum;
}

extern "C" __global__ void missing_syncwarp(const float* in, float* out) {
  __shared__ float s[32];
  s[threadIdx.x] = in[threadIdx.x];
  out[threadIdx.x] = s[31 - threadIdx.x];  // same warp: __syncwarp() is due
}

extern "C" __global__ void missing_wait(const float4* in, float4* out) {
  __shared__ float4 s[64];
  uint32_t to = (uint32_t)__cvta_generic_to_shared(s + threadIdx.x);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;\n" ::"r"(to), "l"(in + threadIdx.x));
  asm volatile("cp.async.commit_group;\n");
  out[threadIdx.x] = s[threadIdx.x];
}

extern "C" __global__ void wait_for_the_wrong_group(const float4* in, float4* out) {
  __shared__ float4 s[2][64];
  for (int i = 0; i < 2; i++) {
    uint32_t to = (uint32_t)__cvta_generic_to_shared(&s[i][threadIdx.x]);
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;\n" ::"r"(to), "l"(in + 64 * i + threadIdx.x));
    asm volatile("cp.async.commit_group;\n");
  }
  asm volatile("cp.async.wait_group 1;\n");
  __syncthreads();
  out[threadIdx.x] = s[1][threadIdx.x];  // the second group may still be under way
}

extern "C" __global__ void wait_without_barrier(const float4* in, float4* out) {
  __shared__ float4 s[64];
  s[threadIdx.x] = make_float4(0.f, 0.f, 0.f, 0.f);
  __syncthreads();
  uint32_t to = (uint32_t)__cvta_generic_to_shared(s + threadIdx.x);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;\n" ::"r"(to), "l"(in + threadIdx.x));
  asm volatile("cp.async.wait_all;\n");
  out[threadIdx.x] = s[63 - threadIdx.x];  // copied by a thread of the other warp
}

extern "C" __global__ void divergent_barrier(const int* in, int* out) {
  __shared__ int s[64];
  if (in[threadIdx.x] > 0) {
    s[threadIdx.x] = 1;
    __syncthreads();
    out[threadIdx.x] = s[63 - threadIdx.x];
  } else {
    s[threadIdx.x] = 2;
    __syncthreads();
    out[threadIdx.x] = s[63 - threadIdx.x] * 3;
  }
}

// D = A B with A and B of m16n8k16 in f16, by the layouts; `swapped` exchanges two registers of A.
template <bool swapped>
__device__ void product(const unsigned int* a, const unsigned int* b, float* d) {
  int lane = threadIdx.x, g = lane / 4, t = lane % 4;
  float c[4] = {};
  unsigned int a1 = a[(g + 8) * 8 + t], a2 = a[g * 8 + t + 4];
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[g * 8 + t]), "r"(swapped ? a2 : a1), "r"(swapped ? a1 : a2), "r"(a[(g + 8) * 8 + t + 4]),
        "r"(b[g * 8 + t]), "r"(b[g * 8 + t + 4]));
  for (int i = 0; i < 4; i++) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = c[i];
}
extern "C" __global__ void right_operands(const unsigned int* a, const unsigned int* b, float* d) {
  product<false>(a, b, d);
}
extern "C" __global__ void swapped_operands(const unsigned int* a, const unsigned int* b, float* d) {
  product<true>(a, b, d);
}

extern "C" __global__ void sum_all(const float* in, float* out, int n) {
  float sum = 0;
  for (int i = threadIdx.x; i < n; i += 32) sum += in[i];
  for (int o = 16; o; o /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, o);
  if (threadIdx.x == 0) *out = sum;
}

extern "C" __global__ void read_table(float* out) { out[threadIdx.x] = kTable[threadIdx.x % 16]; }

// Launched with the address of kTable.
extern "C" __global__ void write_through(float* p) { p[threadIdx.x] = 1.f; }

extern "C" __global__ void shuffle_in_a_branch(const int* in, int* out) {
  int v = in[threadIdx.x];
  if (threadIdx.x < 16) {
    v += __shfl_xor_sync(0xffffffffu, v, 1);  // names lanes that wait elsewhere
  } else {
    __syncwarp();
  }
  out[threadIdx.x] = v;
}

extern "C" __global__ void failed_assertion(const int* in) { assert(in[threadIdx.x] < 10 && "in is too large"); }

extern "C" __global__ void trap(int at) {
  if (threadIdx.x == at) asm volatile("trap;");
}

extern "C" __global__ void call_of_nothing(int* out, float (*function)(float)) {
  out[threadIdx.x] = (int)function(1.f);
}
