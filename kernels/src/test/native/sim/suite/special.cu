// The mathematics library, slow paths included: it becomes PTX of integer and fused arithmetic, tables and branches.

#define UNARY(name, type, expression)                                      \
  extern "C" __global__ void name(const type* in, type* out, int n) {      \
    int i = blockIdx.x * blockDim.x + threadIdx.x;                         \
    if (i < n) {                                                           \
      type x = in[i];                                                      \
      out[i] = expression;                                                 \
    }                                                                      \
  }

UNARY(f_sin, float, sinf(x))
UNARY(f_cos, float, cosf(x))
UNARY(f_tan, float, tanf(x))
UNARY(f_exp, float, expf(x))
UNARY(f_exp2, float, exp2f(x))
UNARY(f_expm1, float, expm1f(x))
UNARY(f_log, float, logf(x))
UNARY(f_log1p, float, log1pf(x))
UNARY(f_erf, float, erff(x))
UNARY(f_erfc, float, erfcf(x))
UNARY(f_tanh, float, tanhf(x))
UNARY(f_atan, float, atanf(x))
UNARY(f_asin, float, asinf(x))
UNARY(f_sqrt, float, sqrtf(x))
UNARY(f_rsqrt, float, rsqrtf(x))
UNARY(f_cbrt, float, cbrtf(x))
UNARY(f_reciprocal, float, 1.0f / x)
UNARY(f_lgamma, float, lgammaf(x))
UNARY(f_round, float, roundf(x) + rintf(x) * 0.5f + truncf(x) * 0.25f + floorf(x) * 0.125f + ceilf(x) * 0.0625f)
UNARY(f_fast, float, __sinf(x) + __cosf(x) + __expf(x) + __logf(x * x + 1.f) + __fdividef(x, x * x + 1.f))
UNARY(d_sin, double, sin(x))
UNARY(d_cos, double, cos(x))
UNARY(d_exp, double, exp(x))
UNARY(d_log, double, log(x))
UNARY(d_sqrt, double, sqrt(x))
UNARY(d_reciprocal, double, 1.0 / x)
UNARY(d_erf, double, erf(x))
UNARY(d_tanh, double, tanh(x))
UNARY(d_rsqrt, double, rsqrt(x))

#define BINARY(name, type, expression)                                                  \
  extern "C" __global__ void name(const type* a, const type* b, type* out, int n) {     \
    int i = blockIdx.x * blockDim.x + threadIdx.x;                                      \
    if (i < n) {                                                                        \
      type x = a[i], y = b[i];                                                          \
      out[i] = expression;                                                              \
    }                                                                                   \
  }

BINARY(f_pow, float, powf(x, y))
BINARY(f_divide, float, x / y)
BINARY(f_fmod, float, fmodf(x, y))
BINARY(f_atan2, float, atan2f(x, y))
BINARY(f_hypot, float, hypotf(x, y))
BINARY(f_copysign, float, copysignf(fmaxf(x, y), fminf(x, y)))
BINARY(d_pow, double, pow(x, y))
BINARY(d_divide, double, x / y)
BINARY(d_fmod, double, fmod(x, y))

// Every rounding of the basic operations: 4 modes of add, mul, fma, div; then sqrt.
extern "C" __global__ void roundings(const float* a, const float* b, const float* c, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float x = a[i], y = b[i], z = c[i], *o = out + 20 * i;
  o[0] = __fadd_rn(x, y), o[1] = __fadd_rz(x, y), o[2] = __fadd_rd(x, y), o[3] = __fadd_ru(x, y);
  o[4] = __fmul_rn(x, y), o[5] = __fmul_rz(x, y), o[6] = __fmul_rd(x, y), o[7] = __fmul_ru(x, y);
  o[8] = __fmaf_rn(x, y, z), o[9] = __fmaf_rz(x, y, z), o[10] = __fmaf_rd(x, y, z), o[11] = __fmaf_ru(x, y, z);
  o[12] = __fdiv_rn(x, y), o[13] = __fdiv_rz(x, y), o[14] = __fdiv_rd(x, y), o[15] = __fdiv_ru(x, y);
  x = fabsf(x);
  o[16] = __fsqrt_rn(x), o[17] = __fsqrt_rz(x), o[18] = __fsqrt_rd(x), o[19] = __fsqrt_ru(x);
}

extern "C" __global__ void roundings_double(const double* a, const double* b, const double* c, double* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  double x = a[i], y = b[i], z = c[i], *o = out + 20 * i;
  o[0] = __dadd_rn(x, y), o[1] = __dadd_rz(x, y), o[2] = __dadd_rd(x, y), o[3] = __dadd_ru(x, y);
  o[4] = __dmul_rn(x, y), o[5] = __dmul_rz(x, y), o[6] = __dmul_rd(x, y), o[7] = __dmul_ru(x, y);
  o[8] = __fma_rn(x, y, z), o[9] = __fma_rz(x, y, z), o[10] = __fma_rd(x, y, z), o[11] = __fma_ru(x, y, z);
  o[12] = __ddiv_rn(x, y), o[13] = __ddiv_rz(x, y), o[14] = __ddiv_rd(x, y), o[15] = __ddiv_ru(x, y);
  x = fabs(x);
  o[16] = __dsqrt_rn(x), o[17] = __dsqrt_rz(x), o[18] = __dsqrt_rd(x), o[19] = __dsqrt_ru(x);
}
