// f64 arithmetic in every rounding mode, on 128-bit integers. rn is the host's own.
#include "numeric.h"
#include "rounding.h"
#include <cmath>
#include <utility>

namespace sim {
namespace {

constexpr int kTop = 126;  // where addends are aligned: bit 127 is left for the carry

/** Shifts right; a set bit that falls off stays as the low bit. */
u128 shift_sticky(u128 v, int by) {
  if (by == 0) return v;
  if (by >= 128) return v != 0;
  return v >> by | ((v & ((u128(1) << by) - 1)) != 0);
}

/** Moves the leading bit to kTop. */
Exact normalised(Exact x) {
  const int shift = kTop - top_bit(x.significand);
  return {x.negative, x.exponent - shift, x.significand << shift};
}

/** x + y for values of at most 106 bits that are not zero: 20 zero bits below keep the sticky one clear of the result.
 */
Exact sum(Exact x, Exact y) {
  x = normalised(x);
  y = normalised(y);
  if (x.exponent < y.exponent || (x.exponent == y.exponent && x.significand < y.significand)) std::swap(x, y);
  y.significand = shift_sticky(y.significand, x.exponent - y.exponent);
  x.significand = x.negative == y.negative ? x.significand + y.significand : x.significand - y.significand;
  return x;
}

double rounded(const Exact& x, Round mode) { return std::bit_cast<double>(encode(x, kF64, mode)); }

}  // namespace

double fma_f64(double a, double b, double c, Round mode) {
  if (mode == Round::rn || !std::isfinite(a) || !std::isfinite(b) || !std::isfinite(c)) return std::fma(a, b, c);
  const Exact x = exact(a), y = exact(b), addend = exact(c);
  const Exact product{x.negative != y.negative, x.exponent + y.exponent, u128(x.significand) * y.significand};
  if (product.significand == 0 && addend.significand == 0) {
    const bool negative = product.negative == addend.negative ? product.negative : mode == Round::rm;
    return negative ? -0.0 : 0.0;
  }
  if (product.significand == 0) return c;
  if (addend.significand == 0) return rounded(product, mode);
  Exact result = sum(product, addend);
  if (result.significand == 0) result.negative = mode == Round::rm;
  return rounded(result, mode);
}

double add_f64(double a, double b, Round mode) { return mode == Round::rn ? a + b : fma_f64(a, 1.0, b, mode); }

double mul_f64(double a, double b, Round mode) {
  if (mode == Round::rn) return a * b;
  return fma_f64(a, b, std::signbit(a) != std::signbit(b) ? -0.0 : 0.0, mode);  // a zero keeps the product's sign
}

double div_f64(double a, double b, Round mode) {
  if (mode == Round::rn || !std::isfinite(a) || !std::isfinite(b) || a == 0 || b == 0) return a / b;
  const Exact x = normalised(exact(a)), y = exact(b);  // 127 bits over at most 53: 73 or more
  const u128 quotient = x.significand / y.significand, rest = x.significand % y.significand;
  return rounded({x.negative != y.negative, x.exponent - y.exponent - 1, quotient << 1 | (rest != 0)}, mode);
}

double sqrt_f64(double a, Round mode) {
  if (mode == Round::rn || !std::isfinite(a) || a <= 0) return std::sqrt(a);
  Exact x = normalised(exact(a));
  if (x.exponent & 1) {
    x.significand >>= 1;  // its low bits are zero
    x.exponent += 1;
  }
  u128 rest = 0, root = 0;  // digit by digit: 64 bits of root
  for (int bit = 126; bit >= 0; bit -= 2) {
    rest = rest << 2 | (x.significand >> bit & 3);
    const u128 trial = root << 2 | 1;
    root <<= 1;
    if (rest >= trial) {
      rest -= trial;
      root |= 1;
    }
  }
  return rounded({false, x.exponent / 2 - 1, root << 1 | (rest != 0)}, mode);
}

}  // namespace sim
