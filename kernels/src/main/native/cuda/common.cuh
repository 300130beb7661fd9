// What every CUDA family shares. Device code only: built by nvcc, or by NVRTC at run time (so no standard headers).
//
// A kernel `sk_<function>_<f32|bf16>` takes the arguments of `sk_<function>` of sdae_kernels.h in the same order, with
// the activations (x, y, their gradients, and weight matrices) in its storage type T. Float stay: parameter vectors
// (bias, gamma, beta, tokens, positions), parameter gradients, statistics, losses, noise, images, scales and optimizer
// state.
#pragma once
#include <cuda_bf16.h>

typedef __nv_bfloat16 bf16;
typedef long long i64;

// The one source of launch geometry: threads of a block, items of the grid's x and y that a block takes (the comment of
// the kernel says what an item is), bytes of dynamic shared memory. The backend reads it from the loaded module.
#define SK_LAUNCH(kernel, threads, items_x, items_y, shared_bytes) \
  extern "C" __device__ const int kernel##_launch[4] = {threads, items_x, items_y, shared_bytes};

template <class T>
__device__ inline float to_float(T v);
template <>
__device__ inline float to_float(float v) {
  return v;
}
template <>
__device__ inline float to_float(bf16 v) {
  return __bfloat162float(v);
}

template <class T>
__device__ inline T from_float(float v);
template <>
__device__ inline float from_float(float v) {
  return v;
}
template <>
__device__ inline bf16 from_float(float v) {
  return __float2bfloat16_rn(v);
}

/** Sum over the warp, the same bits in every lane. */
__device__ inline float warp_sum(float v) {
  for (int offset = 16; offset > 0; offset /= 2) v += __shfl_xor_sync(0xffffffffu, v, offset);
  return v;
}

/** Maximum over the warp, in every lane. */
__device__ inline float warp_max(float v) {
  for (int offset = 16; offset > 0; offset /= 2) v = fmaxf(v, __shfl_xor_sync(0xffffffffu, v, offset));
  return v;
}
