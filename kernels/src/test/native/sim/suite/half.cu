// Arithmetic and conversions of 16-bit floats, scalar and packed.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

extern "C" __global__ void half2_axpy(const __half2* x, __half2* y, __half a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  __half2 aa = __half2half2(a);
  if (i < n) y[i] = __hfma2(aa, x[i], y[i]);
}

// Each operation on its own, so that the reference can round each on its own: 10 results a pair.
extern "C" __global__ void half_operations(const __half* a, const __half* b, __half* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  __half x = a[i], y = b[i], *o = out + 10 * i;
  o[0] = __hadd(x, y);
  o[1] = __hsub(x, y);
  o[2] = __hmul(x, y);
  o[3] = __hfma(x, y, x);
  o[4] = __hneg(x);
  o[5] = __habs(y);
  o[6] = __hmax(x, y);
  o[7] = __hmin(x, y);
  o[8] = __hlt(x, y) ? __float2half(1.f) : __float2half(0.f);
  o[9] = __hadd_sat(x, y);
}

extern "C" __global__ void bf16_operations(const __nv_bfloat162* a, const __nv_bfloat162* b, __nv_bfloat162* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  __nv_bfloat162 x = a[i], y = b[i], *o = out + 6 * i;
  o[0] = __hadd2(x, y);
  o[1] = __hmul2(x, y);
  o[2] = __hfma2(x, y, y);
  o[3] = __hmax2(x, y);
  o[4] = __hsub2(x, y);
  o[5] = __hneg2(__habs2(x));
}

// There and back: f32 -> f16, bf16 in several roundings, integers, f64.
extern "C" __global__ void conversions(const float* in, unsigned short* halves, float* back, int* ints, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float v = in[i];
  unsigned short* h = halves + 8 * i;
  h[0] = __half_as_ushort(__float2half_rn(v));
  h[1] = __half_as_ushort(__float2half_rz(v));
  h[2] = __half_as_ushort(__float2half_rd(v));
  h[3] = __half_as_ushort(__float2half_ru(v));
  h[4] = __bfloat16_as_ushort(__float2bfloat16_rn(v));
  h[5] = __bfloat16_as_ushort(__float2bfloat16_rz(v));
  h[6] = __half_as_ushort(__int2half_rn(__float2int_rz(v)));
  h[7] = __half_as_ushort(__double2half((double)v * 1.0009765625));
  back[2 * i] = __half2float(__ushort_as_half(h[0]));
  back[2 * i + 1] = __bfloat162float(__ushort_as_bfloat16(h[4]));
  int* k = ints + 8 * i;
  k[0] = __float2int_rn(v);
  k[1] = __float2int_rz(v);
  k[2] = __float2int_rd(v);
  k[3] = __float2int_ru(v);
  k[4] = (int)__float2uint_rz(v);
  k[5] = __half2int_rn(__ushort_as_half(h[0]));
  k[6] = (int)(signed char)__float2int_rz(v);
  long long wide = __double2ll_rn((double)v * 65536.0);
  k[7] = (int)(wide >> 8);
}

// Packed f32 pairs to bf16x2 and a dot product that accumulates in f32.
extern "C" __global__ void bf16_dot(const float2* a, const float2* b, float* out, int pairs) {
  float sum = 0.f;
  for (int i = threadIdx.x; i < pairs; i += 32) {
    __nv_bfloat162 x = __float22bfloat162_rn(a[i]), y = __float22bfloat162_rn(b[i]);
    float2 p = __bfloat1622float2(x), q = __bfloat1622float2(y);
    sum = fmaf(p.x, q.x, sum);
    sum = fmaf(p.y, q.y, sum);
  }
  for (int o = 16; o; o /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, o);
  if (threadIdx.x == 0) *out = sum;
}

extern "C" __global__ void half_functions(const __half* in, __half* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  __half v = in[i], *o = out + 6 * i;
  o[0] = hexp(v);
  o[1] = hsqrt(__habs(v));
  o[2] = hrcp(v);
  o[3] = hfloor(v);
  o[4] = htanh(v);
  o[5] = hlog2(__habs(v));
}
