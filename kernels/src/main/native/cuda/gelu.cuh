// gelu.cuh: x Phi(x) and its derivative, for gelu.cu and the epilogues of gemm.cu. The constants are those of simd.h.
#pragma once
#include "common.cuh"

constexpr float kLog2e = 1.44269504088896341f;

/** 2^x within 2 ulp; results below 2^-126 become 0. */
__device__ inline float exp2_approx(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/**
 * Phi(x), the normal distribution function; absolute error below 2e-7. The upper tail at |x| is 2^q(|x|): q is log2(e)
 * times the polynomial of vnormal_tail in simd.h, the minimax fit of log(1 - Phi). It is cut at 2^-126, so that an
 * infinite x meets no zero; NaN stays NaN in x Phi(x).
 */
__device__ inline float normal_distribution(float x) {
  float t = fabsf(x);
  float q = kLog2e * -2.339447036092679e-08f;
  q = fmaf(q, t, kLog2e * 6.641035383836424e-07f);
  q = fmaf(q, t, kLog2e * -8.146691470756195e-06f);
  q = fmaf(q, t, kLog2e * 5.510020491783507e-05f);
  q = fmaf(q, t, kLog2e * -0.00019767881894949824f);
  q = fmaf(q, t, kLog2e * 1.6006646319510764e-06f);
  q = fmaf(q, t, kLog2e * 0.004819919820874929f);
  q = fmaf(q, t, kLog2e * -0.036356400698423386f);
  q = fmaf(q, t, kLog2e * -0.3183043897151947f);
  q = fmaf(q, t, kLog2e * -0.7978851199150085f);
  q = fmaf(q, t, kLog2e * -0.6931471824645996f);
  float tail = exp2_approx(fmaxf(q, -126.0f));
  return x < 0 ? tail : 1.0f - tail;
}

/** x Phi(x) = x/2 (1 + erf(x / sqrt 2)). */
__device__ inline float gelu(float x) { return x * normal_distribution(x); }

/** Phi(x) + x phi(x), phi the normal density. */
__device__ inline float gelu_grad(float x) {
  float density = 0.398942280401432678f * exp2_approx(x * x * (-0.5f * kLog2e));
  return fmaf(x, density, normal_distribution(x));
}
