// A GEMM as people write it with inline PTX: cp.async into two buffers, ldmatrix, mma.sync.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cstdint>

__device__ __forceinline__ uint32_t smem_addr(const void* p) { return (uint32_t)__cvta_generic_to_shared(p); }

__device__ __forceinline__ void cp_async16(uint32_t dst, const void* src, bool valid) {
  int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(dst), "l"(src), "r"(bytes));
}

#define BM 64
#define BN 64
#define BK 32
#define PAD 8

// C[M,N] = A[M,K] B[K,N], row-major; K and N multiples of 8, any M. 128 threads, each warp 32x32.
extern "C" __global__ void __launch_bounds__(128)
    mma_gemm(const __half* __restrict__ A, const __half* __restrict__ B, float* __restrict__ C, int M, int N, int K) {
  __shared__ __align__(16) __half sa[2][BM][BK + PAD];
  __shared__ __align__(16) __half sb[2][BK][BN + PAD];
  int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
  int m0 = blockIdx.y * BM, n0 = blockIdx.x * BN, wm = (warp >> 1) * 32, wn = (warp & 1) * 32;
  float acc[2][4][4] = {};
  auto load = [&](int buffer, int k0) {
    for (int i = tid; i < BM * BK / 8; i += 128) {
      int r = i / (BK / 8), c = i % (BK / 8) * 8;
      bool valid = m0 + r < M && k0 + c < K;
      cp_async16(smem_addr(&sa[buffer][r][c]), valid ? A + (size_t)(m0 + r) * K + k0 + c : A, valid);
    }
    for (int i = tid; i < BK * BN / 8; i += 128) {
      int r = i / (BN / 8), c = i % (BN / 8) * 8;
      bool valid = k0 + r < K && n0 + c < N;
      cp_async16(smem_addr(&sb[buffer][r][c]), valid ? B + (size_t)(k0 + r) * N + n0 + c : B, valid);
    }
    asm volatile("cp.async.commit_group;\n" ::);
  };
  int steps = (K + BK - 1) / BK;
  load(0, 0);
  for (int s = 0; s < steps; s++) {
    if (s + 1 < steps) {
      load((s + 1) & 1, (s + 1) * BK);
      asm volatile("cp.async.wait_group 1;\n" ::);
    } else {
      asm volatile("cp.async.wait_group 0;\n" ::);
    }
    __syncthreads();
    for (int k = 0; k < BK; k += 16) {
      uint32_t a[2][4], b[4][2];
      for (int i = 0; i < 2; i++)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                     : "=r"(a[i][0]), "=r"(a[i][1]), "=r"(a[i][2]), "=r"(a[i][3])
                     : "r"(smem_addr(&sa[s & 1][wm + i * 16 + lane % 16][k + lane / 16 * 8])));
      for (int j = 0; j < 4; j++)
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];\n"
                     : "=r"(b[j][0]), "=r"(b[j][1])
                     : "r"(smem_addr(&sb[s & 1][k + lane % 16][wn + j * 8])));
      for (int i = 0; i < 2; i++)
        for (int j = 0; j < 4; j++)
          asm volatile(
              "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
              "{%0,%1,%2,%3};\n"
              : "+f"(acc[i][j][0]), "+f"(acc[i][j][1]), "+f"(acc[i][j][2]), "+f"(acc[i][j][3])
              : "r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]), "r"(b[j][0]), "r"(b[j][1]));
    }
    __syncthreads();
  }
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 4; j++)
      for (int h = 0; h < 2; h++) {
        int row = m0 + wm + i * 16 + lane / 4 + 8 * h, col = n0 + wn + j * 8 + lane % 4 * 2;
        if (row < M && col < N)
          *reinterpret_cast<float2*>(C + (size_t)row * N + col) = make_float2(acc[i][j][2 * h], acc[i][j][2 * h + 1]);
      }
}

// One warp product of each other mma shape, straight from global memory by the ISA's layouts.
extern "C" __global__ void mma_bf16_k8(const unsigned int* a, const unsigned int* b, float* d) {
  int lane = threadIdx.x, g = lane / 4, t = lane % 4;
  float c0 = 1, c1 = 1, c2 = 1, c3 = 1;
  asm("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
      : "+f"(c0), "+f"(c1), "+f"(c2), "+f"(c3)
      : "r"(a[g * 4 + t]), "r"(a[(g + 8) * 4 + t]), "r"(b[g * 4 + t]));  // B column-major
  d[g * 8 + 2 * t] = c0, d[g * 8 + 2 * t + 1] = c1, d[(g + 8) * 8 + 2 * t] = c2, d[(g + 8) * 8 + 2 * t + 1] = c3;
}

extern "C" __global__ void mma_tf32(const float* a, const float* b, float* d) {
  int lane = threadIdx.x, g = lane / 4, t = lane % 4;
  float c[4] = {};
  auto tf32 = [](float v) {
    uint32_t r;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(v));
    return r;
  };
  asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(tf32(a[g * 8 + t])), "r"(tf32(a[(g + 8) * 8 + t])), "r"(tf32(a[g * 8 + t + 4])),
        "r"(tf32(a[(g + 8) * 8 + t + 4])), "r"(tf32(b[t * 8 + g])), "r"(tf32(b[(t + 4) * 8 + g])));
  for (int i = 0; i < 4; i++) d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = c[i];
}

// 8-bit integers with and without saturation of the sum, from C = start.
extern "C" __global__ void mma_int8(const int* a, const int* b, int* d, int* d_saturated, int start) {
  int lane = threadIdx.x, g = lane / 4, t = lane % 4;
  int c[4] = {start, start, start, start}, s[4] = {start, start, start, start};
  int a0 = a[g * 8 + t], a1 = a[(g + 8) * 8 + t], a2 = a[g * 8 + t + 4], a3 = a[(g + 8) * 8 + t + 4];
  int b0 = b[g * 8 + t], b1 = b[g * 8 + t + 4];
  asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  asm("mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.u8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+r"(s[0]), "+r"(s[1]), "+r"(s[2]), "+r"(s[3])
      : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
  for (int i = 0; i < 4; i++) {
    d[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = c[i];
    d_saturated[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = s[i];
  }
}

// f16 sums in f16, and f64.
extern "C" __global__ void mma_half_double(const unsigned int* a, const unsigned int* b, unsigned int* d,
                                           const double* da, const double* db, double* dd) {
  int lane = threadIdx.x, g = lane / 4, t = lane % 4;
  unsigned int c0 = 0, c1 = 0;
  asm("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0,%1}, {%2,%3,%4,%5}, {%6,%7}, {%0,%1};"
      : "+r"(c0), "+r"(c1)
      : "r"(a[g * 8 + t]), "r"(a[(g + 8) * 8 + t]), "r"(a[g * 8 + t + 4]), "r"(a[(g + 8) * 8 + t + 4]),
        "r"(b[g * 8 + t]), "r"(b[g * 8 + t + 4]));
  d[g * 4 + t] = c0, d[(g + 8) * 4 + t] = c1;
  double x = 0.25, y = -0.25;
  asm("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0,%1}, {%2}, {%3}, {%0,%1};"
      : "+d"(x), "+d"(y)
      : "d"(da[g * 4 + t]), "d"(db[g * 4 + t]));
  dd[g * 8 + 2 * t] = x, dd[g * 8 + 2 * t + 1] = y;
}
