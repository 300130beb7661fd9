// gelu.h: GELU and its gradient on a vector, for gelu.cpp and for products that end in it.
#pragma once
#include "simd.h"

namespace {

/** x within [-bound, bound]; NaN stays NaN (min and max return their second operand then). */
inline vfloat clamped(vfloat x, float bound) { return vmin(splat(bound), vmax(splat(-bound), x)); }

/** p[0] + p[1] s + ... */
template <int N>
inline vfloat polynomial(const float (&p)[N], vfloat s) {
  vfloat y = splat(p[N - 1]);
#pragma GCC unroll 8
  for (int i = N - 2; i >= 0; i--) y = fma(y, s, splat(p[i]));
  return y;
}

// Phi is the normal distribution function, phi its density. Phi - 1/2 and its like are odd: x P(x^2) / Q(x^2), fitted
// to the least largest error by reweighted least squares. A quotient costs half of an exponential and a polynomial: the
// two exponentials of the gradient took 55 operations a value, this takes 18.

/** x Phi(x) = x/2 (1 + erf(x/sqrt(2))): fitted on [-5.5, 5.5], 0 below; absolute error below 1e-6 or one rounding. */
inline vfloat vgelu(vfloat x) {
  constexpr float p[] = {0.39894214f, 0.03488393f, 0.004744449f, 0.00017989903f, 6.4782894e-06f, 2.224058e-08f};
  constexpr float q[] = {1.0f, 0.25410578f, 0.02924669f, 0.0019465171f, 7.747247e-05f, 1.1920794e-06f};
  vfloat t = clamped(x, 5.5f), s = t * t;
  vfloat phi = fma(t, polynomial(p, s) / polynomial(q, s), splat(0.5f));
  return select(x < splat(-5.5f), vfloat{}, x * phi);
}
/** Phi(x) + x phi(x): fitted on [-6, 6], constant outside; absolute error below 3e-7. */
inline vfloat vgelu_grad(vfloat x) {
  constexpr float p[] = {0.7978845f,     -0.022371106f, 0.013857334f,  0.000202734f,
                         3.4091903e-05f, 9.225375e-07f, 1.7046434e-08f};
  constexpr float q[] = {1.0f,           0.30529493f,    0.04413365f,    0.0039715157f,
                         0.00024532486f, 1.0307767e-05f, 3.3898093e-07f, 1.3147726e-09f};
  vfloat t = clamped(x, 6.0f), s = t * t;
  return fma(t, polynomial(p, s) / polynomial(q, s), splat(0.5f));
}

}  // namespace
