// lars.cu: one LARS step of one tensor.
//
//   g = grad + decay * p;  g *= trust * |p| / |g| (1 if either norm is 0);  mu = momentum * mu + g;  p -= lr * mu
//   adapt 0: g = grad, plain momentum
//
//   Shapes   param, mu, grad [n] f32; hyper [4] = {lr, momentum, trust, decay} in device memory
//   Tiles    norms: 32 Ki values a block, squared and added in f64. Step: 256 threads, four values a thread; every
//   block
//            adds up the norms' parts itself, in the same order (24 parts for the head of a linear probe)
//   Traffic  reads 12n bytes, writes 8n; the norms read 8n before that
//   FLOPs    about 12n: memory-bound
//   Regs     84 at most, sm_80 to sm_120; no spills, no stack
//   Source   You et al. 2017, arXiv:1708.03888, in the form of the linear probe of He et al. 2021, arXiv:2111.06377
#include "rows.cuh"

constexpr int kNorms = 1 << 15;

/** Sum over the block, in every thread. */
__device__ inline double block_sum(double v) {
  __shared__ double part[kFlatThreads / 32];
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(0xffffffffu, v, offset);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
  __syncthreads();
  v = part[0];
  for (int w = 1; w < kFlatThreads / 32; w++) v += part[w];
  __syncthreads();
  return v;
}

// Launched before sk_lars if adapt is 1. Item of x: a value. partial [2, parts]: |p|^2, then |g|^2, of each part of
// 32768 values: 16 * ceil(n / 32768) bytes.
SK_KERNEL(sk_lars_norms, kFlatThreads, kNorms, 1)
(const float* param, const float* grad, const float* hyper, i64 n, double* partial) {
  float decay = hyper[3];
  i64 first = static_cast<i64>(blockIdx.x) * kNorms, end = first + kNorms < n ? first + kNorms : n;
  double squares_p = 0, squares_g = 0;
#pragma unroll 4
  for (i64 i = first + threadIdx.x; i < end; i += kFlatThreads) {
    float p = param[i], g = fmaf(decay, p, grad[i]);
    squares_p += static_cast<double>(p) * p;
    squares_g += static_cast<double>(g) * g;
  }
  squares_p = block_sum(squares_p);
  squares_g = block_sum(squares_g);
  if (threadIdx.x > 0) return;
  partial[blockIdx.x] = squares_p;
  partial[gridDim.x + blockIdx.x] = squares_g;
}

/** trust * |p| / |g|, 1 if either is 0. */
__device__ inline float adaptation(const double* partial, int parts, float trust) {
  double squares_p = 0, squares_g = 0;
  for (int i = threadIdx.x; i < parts; i += kFlatThreads) {
    squares_p += partial[i];
    squares_g += partial[parts + i];
  }
  squares_p = block_sum(squares_p);
  squares_g = block_sum(squares_g);
  if (squares_p == 0 || squares_g == 0) return 1;
  return static_cast<float>(trust * sqrt(squares_p / squares_g));
}

// Item of x: a value. partial is not looked at if adapt is 0.
SK_KERNEL(sk_lars, kFlatThreads, kFlatThreads * 4, 1)
(float* param, float* mu, const float* grad, const float* hyper, i64 n, int adapt, const double* partial) {
  float lr = hyper[0], momentum = hyper[1], decay = adapt ? hyper[3] : 0.0f;
  int parts = static_cast<int>((n + kNorms - 1) / kNorms);
  float factor = adapt ? adaptation(partial, parts, hyper[2]) : 1.0f;
  flat<4>(n, aligned(param, 16) && aligned(mu, 16) && aligned(grad, 16), [=](i64 first, auto share) {
    float p[4], v[4], g[4];
    share.get(p, param + first);
    share.get(v, mu + first);
    share.get(g, grad + first);
    for (int j = 0; j < 4; j++) {
      v[j] = fmaf(v[j], momentum, fmaf(p[j], decay, g[j]) * factor);
      p[j] = fmaf(v[j], -lr, p[j]);
    }
    share.put(mu + first, v);
    share.put(param + first, p);
  });
}
